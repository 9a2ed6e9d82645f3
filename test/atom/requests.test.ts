import { describe, expect, test } from "bun:test";
import { checkAsk, checkPolicy, checkReplay, checkWorld } from "../../src/atom/mod.ts";
import { faultOf } from "./arbitraries.ts";

type Check = (value: unknown) => unknown;

function accepts(check: Check, rows: [string, unknown, unknown?][]): void {
  for (const [what, value, result] of rows) {
    test(`accepts ${what}`, () => expect(check(value)).toEqual(result ?? value));
  }
}

function refuses(check: Check, rows: [unknown, string][]): void {
  for (const [value, sentence] of rows) {
    test(`refuses: ${sentence}`, () => {
      const fault = faultOf(() => check(value));
      expect(fault.code).toBe("invalid_input");
      expect(fault.message).toContain(sentence);
    });
  }
}

const items = (count: number) => new Array(count).fill("x");

describe("an ask", () => {
  accepts(checkAsk, [
    ["world and text", { world: "home", text: "is the lamp on?" }],
    ["an empty text, for the newest important atoms", { world: "home", text: "" }],
    ["the node's own worlds, which some keys may read", { world: "~ww:a", text: "" }],
    ["limit and explain", { world: "home", text: "x", limit: 100, explain: true }],
    [
      "nulls as absent",
      { world: "home", text: "x", filter: null, limit: null, explain: null },
      { world: "home", text: "x" },
    ],
    ["an empty filter", { world: "home", text: "x", filter: {} }],
    [
      "a full filter, its times in UTC",
      {
        world: "home",
        text: "x",
        filter: {
          world: "home",
          worlds: ["yard", "home"],
          kinds: ["plan", "action"],
          labels: ["a"],
          flags: ["quarantine"],
          workers: ["w"],
          since: "2026-03-01T00:00:00+01:00",
          until: "2026-01-01T00:00:00.5Z",
          min_importance: 0.5,
          limit: 1000,
        },
      },
      {
        world: "home",
        text: "x",
        filter: {
          world: "home",
          worlds: ["yard", "home"],
          kinds: ["plan", "action"],
          labels: ["a"],
          flags: ["quarantine"],
          workers: ["w"],
          since: "2026-02-28T23:00:00.000Z",
          until: "2026-01-01T00:00:00.500Z",
          min_importance: 0.5,
          limit: 1000,
        },
      },
    ],
    [
      "a filter of nulls",
      {
        world: "home",
        text: "x",
        filter: { world: null, worlds: null, kinds: null, since: null, limit: null },
      },
      { world: "home", text: "x", filter: {} },
    ],
    [
      "a filter as a client of DWBase has to send it, with empty lists for any",
      {
        world: "home",
        text: "x",
        filter: { world: "home", kinds: [], labels: [], flags: [], since: null, until: null, limit: 5 },
      },
      { world: "home", text: "x", filter: { world: "home", limit: 5 } },
    ],
    [
      "no workers in particular",
      { world: "home", text: "x", filter: { workers: [] } },
      { world: "home", text: "x", filter: {} },
    ],
  ]);
  const ask = (fields: object) => ({ world: "home", text: "x", ...fields });
  const filter = (fields: object) => ask({ filter: fields });
  refuses(checkAsk, [
    [[], "an ask must be an object, got a list"],
    [{ text: "x" }, "world is missing"],
    [{ world: "home" }, "text is missing"],
    [ask({ text: 1 }), "text must be a string, got 1"],
    [ask({ text: "x".repeat(65_537) }), "text must have at most 65536 characters"],
    [ask({ text: "\ud800" }), "text holds half of a surrogate pair"],
    [ask({ limit: 0 }), "limit must be a whole number from 1 to 100, got 0"],
    [ask({ limit: 101 }), "limit must be a whole number from 1 to 100, got 101"],
    [ask({ limit: 1.5 }), "limit must be a whole number from 1 to 100, got 1.5"],
    [ask({ limit: "5" }), 'limit must be a whole number from 1 to 100, got "5"'],
    [ask({ explain: 1 }), "explain must be true or false, got 1"],
    [
      ask({ top_k: 5 }),
      'unknown field "top_k"; the fields of an ask are world, text, filter, limit, explain',
    ],
    [ask({ filter: [] }), "filter must be an object, got a list"],
    [filter({ kind: "plan" }), 'unknown field "filter.kind"'],
    [filter({ world: "yard" }), 'filter.world must contain the world asked in, "home"'],
    [filter({ worlds: ["yard"] }), 'filter.worlds must contain the world asked in, "home"'],
    [filter({ worlds: [] }), "filter.worlds must contain"],
    [filter({ worlds: ["home", ""] }), "filter.worlds[1] must not be empty"],
    [filter({ kinds: ["plan", "dream"] }), "filter.kinds[1] must be one of"],
    [filter({ kinds: "plan" }), "filter.kinds must be a list, got a string"],
    [filter({ labels: items(65) }), "filter.labels holds 65 items"],
    [filter({ flags: [1] }), "filter.flags[0] must be a string, got 1"],
    [filter({ workers: ["\u0007"] }), "filter.workers[0] must not hold control characters"],
    [
      filter({ since: "today" }),
      'filter.since must be an RFC 3339 time such as 2026-03-01T12:00:00Z, got "today"',
    ],
    [filter({ until: "" }), "filter.until must be an RFC 3339 time"],
    [filter({ min_importance: 1.1 }), "filter.min_importance must be a number from 0 to 1, got 1.1"],
    [filter({ limit: 1001 }), "filter.limit must be a whole number from 1 to 1000, got 1001"],
    [filter({ limit: 0 }), "filter.limit must be a whole number from 1 to 1000, got 0"],
  ]);
});

describe("a replay", () => {
  accepts(checkReplay, [
    ["a world", { world: "home" }],
    ["a cursor and a filter", { world: "home", after: "abc", filter: { limit: 5 } }],
    ["nulls as absent", { world: "home", after: null, filter: null }, { world: "home" }],
  ]);
  refuses(checkReplay, [
    [null, "a replay must be an object, got nothing"],
    [{}, "world is missing"],
    [{ world: "home", after: 5 }, "after must be the X-Next-After"],
    [{ world: "home", after: "" }, "after must be the X-Next-After"],
    [{ world: "home", after: "x".repeat(11) }, "after must be the X-Next-After"],
    [{ world: "home", text: "x" }, 'unknown field "text"'],
    [{ world: "home", filter: { worlds: ["yard"] } }, "filter.worlds must contain"],
  ]);
});

describe("a world request", () => {
  accepts(checkWorld, [
    ["each action", { action: "archive", world: "home" }],
    ["description and labels", { action: "create", world: "home", description: "", labels: ["a"] }],
    [
      "nulls as absent",
      { action: "delete", world: "a", description: null, labels: null },
      { action: "delete", world: "a" },
    ],
  ]);
  refuses(checkWorld, [
    [{ world: "home" }, "action must be one of create, archive, resume, delete, got nothing"],
    [{ action: "drop", world: "home" }, 'action must be one of create, archive, resume, delete, got "drop"'],
    [{ action: "create" }, "world is missing"],
    [{ action: "create", world: "~ww:a" }, 'world must not start with "~"'],
    [{ action: "create", world: "a", description: "x".repeat(4097) }, "description must have at most 4096"],
    [{ action: "create", world: "a", labels: items(65) }, "labels holds 65 items"],
    [{ action: "create", world: "a", owner: "me" }, 'unknown field "owner"'],
  ]);
});

describe("a policy", () => {
  accepts(checkPolicy, [
    ["a part of a day", { world: "home", retention_days: 0.5 }],
    ["a hundred years", { world: "home", retention_days: 36_500 }],
    ["importance 0", { world: "home", min_importance: 0 }],
    ["bytes", { world: "tenant:a", max_bytes: 1 }],
    [
      "empty lists, as clients of DWBase send them, as absent",
      { world: "home", retention_days: 7, replication_allow: [], replication_deny: [] },
      { world: "home", retention_days: 7 },
    ],
    ["lists of worlds", { world: "home", replication_allow: ["a"], replication_deny: ["b", "c"] }],
  ]);
  refuses(checkPolicy, [
    [{ world: "home" }, "the policy sets nothing; give at least one of retention_days, min_importance"],
    [{ world: "home", retention_days: null }, "the policy sets nothing"],
    [{ world: "home", replication_allow: [], replication_deny: [] }, "the policy sets nothing"],
    [{ retention_days: 1 }, "world is missing"],
    [{ world: "~x", retention_days: 1 }, 'world must not start with "~"'],
    [{ world: "home", retention_days: 0 }, "retention_days must be a number over 0 and at most 36500, got 0"],
    [{ world: "home", retention_days: 36_501 }, "retention_days must be a number over 0"],
    [{ world: "home", retention_days: Number.NaN }, "got NaN"],
    [{ world: "home", min_importance: -1 }, "min_importance must be a number from 0 to 1, got -1"],
    [{ world: "home", max_bytes: 0 }, "max_bytes must be a whole number from 1 to"],
    [{ world: "home", max_bytes: 1.5 }, "max_bytes must be a whole number from 1 to"],
    [{ world: "home", replication_allow: "a" }, "replication_allow must be a list, got a string"],
    [{ world: "home", replication_deny: [""] }, "replication_deny[0] must not be empty"],
    [{ world: "home", days: 3 }, 'unknown field "days"'],
  ]);
});
