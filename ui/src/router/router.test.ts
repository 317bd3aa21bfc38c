import { expect, it } from "vitest";

import { href, parsePlace } from "./router";

it("reads parts and query below a base path", () => {
  const place = parsePlace("/sub/path/My%2FFlow/12", "?_order=-ts_epoch&ts_epoch%3Age=5", "/sub/path/");
  expect(place.parts).toEqual(["My/Flow", "12"]);
  expect(place.query).toEqual({ _order: "-ts_epoch", "ts_epoch:ge": "5" });
});

it("survives a lone percent sign", () => {
  expect(parsePlace("/100%/1", "").parts).toEqual(["100%", "1"]);
});

it("writes addresses that read back the same, whatever the names hold", () => {
  const parts = ["<script>/?#", "‮12"];
  const address = new URL(href(parts, { _tags: "a,b&c" }), "http://localhost");
  const back = parsePlace(address.pathname, address.search);
  expect(back.parts).toEqual(parts);
  expect(back.query).toEqual({ _tags: "a,b&c" });
});

it("keeps flows called like a path of the proxy out of its way", () => {
  for (const flow of ["api", "service", "ui_backend_service"]) {
    const address = href([flow, "12", "view", "dag"]);
    expect(address).toBe(`/-/flow/${flow}/12/view/dag`);
    expect(parsePlace(address, "").parts).toEqual([flow, "12", "view", "dag"]);
  }
});
