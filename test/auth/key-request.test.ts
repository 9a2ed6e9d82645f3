import { describe, expect, test } from "bun:test";
import { type Caller, checkKeyRequest, writeRefusal } from "../../src/auth/mod.ts";

describe("a request for a key", () => {
  test.each([
    [{ name: "k" }, ["read_worlds", "write_worlds", "forget"]],
    [{ name: "k", read_worlds: ["a/*"] }, ["read_worlds"]],
    [{ name: "k", write_worlds: [], read_worlds: null }, ["write_worlds"]],
    [{ name: "k", capabilities: ["admin", "admin"] }, ["admin"]],
  ])("%j may %j", (request, capabilities) => {
    expect(checkKeyRequest(request).capabilities).toEqual(capabilities as never);
  });

  test.each([
    [{}, "name"],
    [{ name: "" }, "name"],
    [{ name: "two words" }, "name"],
    [{ name: "k", capabilities: ["fly"] }, "capabilities"],
    [{ name: "k", capabilities: [] }, "capabilities"],
    [{ name: "k", importance_cap: 2 }, "importance_cap"],
    [{ name: "k", read_worlds: [""] }, "read_worlds"],
    [{ name: "k", colour: "red" }, "colour"],
    [{ name: "admin" }, "name"],
    [{ name: "WW_ADMIN_API_KEY" }, "name"],
    [{ name: "anonymous" }, "name"],
    [[], "the body"],
  ])("%j is refused for %s", (request, field) => {
    expect(() => checkKeyRequest(request)).toThrow(field);
  });
});

describe("what a key may write", () => {
  const caller: Caller = {
    name: "k",
    admin: false,
    anonymous: false,
    capabilities: new Set(["write_worlds"] as const),
    readWorlds: [],
    writeWorlds: ["home/*"],
    importanceCap: 0.5,
    kinds: ["observation"],
    labels: ["room:*"],
    worker: "sensor",
    sessions: [],
    rememberPerSec: 0,
    address: "",
    bucket: "",
  };
  const atom = {
    world: "home/a",
    worker: "sensor",
    kind: "observation",
    importance: 0.5,
    labels: ["room:1"],
  };

  test.each([
    [{}, undefined],
    [{ world: "other" }, "capability_denied"],
    [{ world: "~ww:s" }, "capability_denied"],
    [{ worker: "ann" }, "capability_denied"],
    [{ importance: 0.51 }, "importance_cap"],
    [{ importance: undefined }, undefined],
    [{ kind: "plan" }, "kind_not_allowed"],
    [{ labels: ["room:1", "pin"] }, "label_not_allowed"],
    [{ labels: [] }, undefined],
  ])("%j: %s", (change, code) => {
    expect(writeRefusal(caller, { ...atom, ...change })?.code).toBe(code as never);
  });
});
