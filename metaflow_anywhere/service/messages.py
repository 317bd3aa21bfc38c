"""What a handler gets and gives: a call, a reply, and the refusals that are written as exceptions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from metaflow_anywhere.database.connection import Value
from metaflow_anywhere.database.cutoffs import Cutoffs
from metaflow_anywhere.database.ids import is_number, parse_id
from metaflow_anywhere.database.pool import Pool
from metaflow_anywhere.database.publisher import Publisher

TEXT = "text/plain; charset=utf-8"  # JSON is sent under this type too: official clients' tests rely on it
JSON = "application/json; charset=utf-8"


@dataclass(slots=True)
class Reply:
    """An answer: a whole ``body``, or ``chunks`` of one that is sent as it comes."""

    body: bytes = b""
    status: int = 200
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: AsyncIterator[bytes] | None = None


class Refusal(Exception):
    """A request that is answered with an error: ``status``, and ``document`` as its JSON body."""

    def __init__(self, status: int, document: object) -> None:
        super().__init__(f"{status} {document}")
        self.status = status
        self.document = document


def bad_request(sentence: str) -> Refusal:
    """400 with ``sentence`` as a JSON string."""
    return Refusal(400, sentence)


def not_found() -> Refusal:
    """404 with an empty object, as clients expect for an object that is not there."""
    return Refusal(404, {})


def no_such_parent(table: str, key: str) -> Refusal:
    """404 for an insert under a parent that does not exist, told as the database tells a broken foreign key."""
    message = f'insert or update on table "{table}" violates a foreign key constraint'
    return database_refusal(404, "23503", message, f"Key {key} is not present.")


def database_refusal(status: int, code: str, message: str, detail: str = "") -> Refusal:
    """An error of the database: a JSON string that itself holds JSON (wire contract, section 1)."""
    error = f"{message}\nDETAIL:  {detail}\n" if detail else f"{message}\n"
    inner = {"err_msg": {"pgerror": error, "pgcode": code, "diag": {"message_primary": message, "severity": "ERROR"}}}
    return Refusal(status, json.dumps(inner))


@dataclass(slots=True)
class Call:
    """One request, taken apart: the variable ``parts`` of its path, its ``query`` in order, its ``body``.

    ``prefix`` is the path that the whole service is under; ``client`` tells whom the request is from.
    """

    pool: Pool
    publisher: Publisher
    parts: Mapping[str, str]
    query: list[tuple[str, str]]
    body: bytes
    prefix: str = ""
    client: Callable[[], str] = str
    cutoffs: Cutoffs = field(default_factory=Cutoffs)

    def address(self) -> dict[str, Value]:
        """The path's parts as query parameters, under the names that all statements use."""
        parameters: dict[str, Value] = {"flow": self.parts["flow"]}
        if "run" in self.parts:
            parameters["run_number"], parameters["run_id"] = parse_id(self.parts["run"])
        if "step" in self.parts:
            parameters["step"] = self.parts["step"]
        if "task" in self.parts:
            parameters["task_id"], parameters["task_name"] = parse_id(self.parts["task"])
        return parameters

    def attempt(self) -> str | None:
        """The path's attempt, None if it is a number that none can have. Raises a 400."""
        text = self.parts["attempt"]
        if not is_number(text):
            raise bad_request("attempt must be an integer")
        return text if len(text) < 19 else None


Handler = Callable[[Call], Awaitable[Reply]]


async def one_value(pool: Pool, statement: str, parameters: Mapping[str, Value]) -> bytes | None:
    """The first column of the first row as PostgreSQL sent it; None if there is no row."""
    result = await pool.fetch(statement, parameters)
    return result.get_value(0, 0) if result.ntuples else None


async def found_document(pool: Pool, statement: str, parameters: Mapping[str, Value]) -> Reply:
    """The reply with `one_value`, or the refusal 404."""
    body = await one_value(pool, statement, parameters)
    if body is None:
        raise not_found()
    return Reply(body)


async def created_document(call: Call, table: str, statement: str, parameters: Mapping[str, Value]) -> bytes | None:
    """The document of the row that ``statement`` inserts, None if there is none.

    Its second column is the row's key, for the change feed.
    """
    result = await call.pool.fetch(statement, parameters)
    if not result.ntuples:
        return None
    call.publisher.tell(table, "INSERT", result.get_value(0, 1))
    return result.get_value(0, 0)


def encoded(document: object) -> bytes:
    """``document`` as JSON."""
    return json.dumps(document).encode()
