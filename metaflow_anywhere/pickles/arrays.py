"""numpy's scalars and small arrays, read without numpy: from the type and the bytes that their pickles hold.

Formats: numpy.dtype.__reduce__, numpy.ndarray.__reduce__ and __reduce_ex__, numpy.generic.__reduce__.
"""

from __future__ import annotations

import math
import struct
from typing import Any

SHOWN_ITEMS = 1000  # of an array; of a larger one the shape is told
FORMATS = {
    "b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q",
    "f2": "e", "f4": "f", "f8": "d", "c8": "f", "c16": "d",
}  # fmt: skip
NAMES = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex", "U": "str", "S": "bytes", "O": "object"}
DIGITS = {"e": range(3, 6), "f": range(6, 10)}  # the fewest that tell all numbers of that size apart
CHARACTER_BYTES = 4  # of a text


class Dtype:
    """A data type: a letter for its kind, and how many bytes an item has."""

    def __init__(self, code: object = "", *_: object) -> None:
        text = code if isinstance(code, str) else "?"
        self.kind, self.bytes = text[:1], int(text[1:6]) if text[1:6].isdigit() else 0
        self.order = "<"
        self.plain = True

    def __setstate__(self, state: Any) -> None:
        _, order, subtype, names, _, size = state[:6]
        self.order = ">" if order == ">" else "<"
        self.plain = subtype is None and names is None
        if self.kind in "US":
            self.bytes = int(size)

    def __repr__(self) -> str:
        return f"dtype('{self.name}')"

    @property
    def name(self) -> str:
        """What numpy calls it."""
        bits = "" if self.kind in "bUSO" else str(self.bytes * 8)
        return NAMES.get(self.kind, self.kind) + bits

    def items(self, data: bytes) -> list[Any] | None:
        """The items in ``data``; None if this type is not read here."""
        if not self.plain or not self.bytes:
            return None
        parts = [data[start : start + self.bytes] for start in range(0, len(data), self.bytes)]
        if self.kind == "U":
            coding = "utf-32-be" if self.order == ">" else "utf-32-le"
            return [part.decode(coding, "replace").rstrip("\0") for part in parts]
        if self.kind == "S":
            return [part.rstrip(b"\0") for part in parts]
        letter = FORMATS.get(f"{self.kind}{self.bytes}")
        if letter is None:
            return None
        numbers = list(struct.unpack(f"{self.order}{len(data) // struct.calcsize(letter)}{letter}", data))
        if letter in DIGITS:
            numbers = [_shortest(number, letter) for number in numbers]
        if self.kind == "c":
            return [complex(*numbers[place : place + 2]) for place in range(0, len(numbers), 2)]
        return numbers


class Array:
    """An array: its shape, and its items as nested lists if there are few."""

    __module__ = "numpy"
    __qualname__ = "ndarray"

    def __init__(self, *_: object) -> None:
        self.shape: tuple[int, ...] = ()
        self.type = "?"
        self.nested: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, data = state
        self.fill(shape, dtype, data, is_fortran=bool(is_fortran))

    def fill(self, shape: Any, dtype: Any, data: Any, *, is_fortran: bool) -> None:
        """Take what a pickle says."""
        self.shape = tuple(int(length) for length in shape)
        self.type = dtype.name if isinstance(dtype, Dtype) else "?"
        count = math.prod(self.shape)
        if not isinstance(dtype, Dtype) or not 0 <= count <= SHOWN_ITEMS or any(length < 0 for length in self.shape):
            return
        items = data if isinstance(data, list) else dtype.items(bytes(data))
        if items is not None and len(items) == count:
            steps = [math.prod(self.shape[:place] if is_fortran else self.shape[place + 1 :])
                     for place in range(len(self.shape))]  # fmt: skip
            self.nested = _nested(items, self.shape, steps, 0)

    def __str__(self) -> str:
        return repr(self) if self.nested is None else str(self.nested)

    def __repr__(self) -> str:
        return f"<array of {self.type}, shape {self.shape}>" if self.nested is None else f"array({self.nested!r})"


def _nested(items: list[Any], shape: tuple[int, ...], steps: list[int], start: int) -> Any:
    if not shape:
        return items[start]
    return [_nested(items, shape[1:], steps[1:], start + place * steps[0]) for place in range(shape[0])]


def _shortest(number: float, letter: str) -> float:
    """The number with the fewest digits that has the same bytes, as numpy writes it."""
    if number - number != 0:
        return number
    packed = struct.pack(letter, number)
    for digits in DIGITS[letter]:
        short = float(f"{number:.{digits}g}")
        if abs(short) <= 65504 or letter == "f":
            try:
                if struct.pack(letter, short) == packed:
                    return short
            except OverflowError:
                continue
    return number


def _scalar(dtype: Any, data: Any = b"") -> Any:
    """A number or text that still knows what numpy calls its type."""
    items = dtype.items(data) if isinstance(dtype, Dtype) and isinstance(data, bytes) else None
    if items is None or len(items) != 1:
        return Unread(f"numpy.{dtype.name}" if isinstance(dtype, Dtype) else "numpy.generic")
    (value,) = items
    if isinstance(value, bool):
        return value
    name = dtype.name + ("_" if dtype.kind in "US" else "")
    return type(name, (type(value),), {"__module__": "numpy"})(value)


class Unread:
    """A value of a type that is not read here."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __repr__(self) -> str:
        return f"<{self.label}>"


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any, *_: object) -> Array:
    """How protocol 5 has an array."""
    made = Array()
    made.fill(shape, dtype, data, is_fortran=order == "F")
    return made


# By name alone: the modules that have them were renamed between numpy 1 and 2.
PARTS: dict[str, Any] = {
    "dtype": Dtype,
    "ndarray": Array,
    "scalar": _scalar,
    "_reconstruct": Array,
    "_frombuffer": _from_buffer,
}
