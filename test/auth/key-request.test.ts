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
    [{}, "name must be 1 to 64 letters"],
    [{ name: "" }, "name must be"],
    [{ name: "two words" }, "name must be"],
    [{ name: "k", capabilities: ["fly"] }, "capabilities must be a list of at least one of read_worlds,"],
    [{ name: "k", capabilities: [] }, "capabilities must be"],
    [{ name: "k", importance_cap: 2 }, "importance_cap must be a number from 0 to 1"],
    [{ name: "k", remember_per_sec: "5" }, "remember_per_sec must be a number"],
    [{ name: "k", worker: 5 }, "worker must be a text of 1 to 128 characters"],
    [{ name: "k", read_worlds: [""] }, "read_worlds must be a list of at most 256 texts"],
    [{ name: "k", "a/b": "red" }, 'unknown field "a/b"; the fields of a key are name, capabilities'],
    [{ name: "admin" }, "admin, anonymous, node and WW_… are taken"],
    [{ name: "WW_ADMIN_API_KEY" }, "name must be"],
    [{ name: "anonymous" }, "name must be"],
    [[], "a key must be an object"],
  ])("%j is refused, and what is taken is said: %s", (request, sentence) => {
    expect(() => checkKeyRequest(request)).toThrow(sentence);
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
