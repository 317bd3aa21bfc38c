import { expect, test } from "vitest";

import { parseAnsi, plain } from "./ansi";

const ESC = "\u001b";
const looks = (line: string) => parseAnsi(line).map(({ text, look }) => [text, look]);

test("plain text is one piece", () => {
  expect(looks("hello")).toEqual([["hello", {}]]);
  expect(looks("")).toEqual([]);
});

test("colours and styles begin and end", () => {
  expect(looks(`a${ESC}[1;31mb${ESC}[22mc${ESC}[0md`)).toEqual([
    ["a", {}],
    ["b", { bold: true, fg: 1 }],
    ["c", { fg: 1 }],
    ["d", {}],
  ]);
  expect(looks(`${ESC}[4mx${ESC}[24;92;44my${ESC}[39;49mz`)).toEqual([
    ["x", { underline: true }],
    ["y", { fg: 10, bg: 4 }],
    ["z", {}],
  ]);
});

test("256 colours and all colours, in both ways of writing", () => {
  expect(looks(`${ESC}[38;5;208ma`)).toEqual([["a", { fg: "#ff8700" }]]);
  expect(looks(`${ESC}[38;5;3ma`)).toEqual([["a", { fg: 3 }]]);
  expect(looks(`${ESC}[48;5;255ma`)).toEqual([["a", { bg: "#eeeeee" }]]);
  expect(looks(`${ESC}[38;2;1;2;3;4ma`)).toEqual([["a", { fg: "#010203", underline: true }]]);
  expect(looks(`${ESC}[38:2::1:2:3ma`)).toEqual([["a", { fg: "#010203" }]]);
  expect(looks(`${ESC}[38:2:1:2:3ma`)).toEqual([["a", { fg: "#010203" }]]);
  expect(looks(`${ESC}[38;5;999ma`)).toEqual([["a", {}]]);
});

test("inverse swaps what is set", () => {
  expect(looks(`${ESC}[31;7ma${ESC}[27mb`)).toEqual([
    ["a", { fg: "inverse", bg: 1 }],
    ["b", { fg: 1 }],
  ]);
});

test.each([
  ["cursor movement", `a${ESC}[2J${ESC}[10;10Hb`],
  ["private modes", `a${ESC}[?1049hb`],
  ["a window title", `a${ESC}]0;rm -rf\u0007b`],
  ["a link", `a${ESC}]8;;http://evil.example${ESC}\\b${ESC}]8;;${ESC}\\`],
  ["a device string", `a${ESC}Pq#0;2;0;0;0${ESC}\\b`],
  ["eight-bit controls", "a\u009b31;1Hb\u0085"],
  ["character sets", `a${ESC}(Bb`],
  ["bells and backspaces", "a\u0007\u0008b\u0000"],
  ["SGR look-alikes", `a${ESC}[>4;2m${ESC}[?31mb`],
])("%s is dropped and colours nothing", (_, line) => {
  expect(looks(line)).toEqual([["ab", {}]]);
});

test("a string that never ends hides nothing", () => {
  expect(plain(`${ESC}]0;title and all that follows`)).toBe("0;title and all that follows");
  expect(plain(`${ESC}[`)).toBe("");
  expect(plain(ESC)).toBe("");
  expect(plain(`${ESC}[38;5`)).toBe("");
});

test("what is longer than any sequence is text, and costs no search to the end of the line", () => {
  expect(plain(`${ESC}]0;${"x".repeat(5000)}\u0007b`)).toBe(`0;${"x".repeat(5000)}b`);
});

test("markup is text", () => {
  expect(looks(`<script>alert(1)</script>${ESC}[1m&amp;`)).toEqual([
    ["<script>alert(1)</script>", {}],
    ["&amp;", { bold: true }],
  ]);
});

test("of a progress bar the last state is shown", () => {
  expect(plain("10%\r20%\r30%")).toBe("30%");
  expect(plain("done\r")).toBe("done");
  expect(plain("\r")).toBe("");
  expect(plain("long first words\rshort\r\n".trimEnd())).toBe("short");
  expect(plain(`${"x".repeat(300_000)}\r${ESC}[32mdone 100%${ESC}[0m`)).toBe("done 100%");
});

test("a megabyte of escapes is over in a moment", () => {
  const before = performance.now();
  parseAnsi(`${ESC}]`.repeat(500_000));
  parseAnsi(`${ESC}[${";".repeat(1_000_000)}m`);
  expect(performance.now() - before).toBeLessThan(2000);
});
