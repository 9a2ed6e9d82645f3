/** Every route with every kind of caller. */
import { describe, expect, test } from "bun:test";
import {
  CAPABILITIES,
  type Capability,
  type KeyKeeper,
  KeyRing,
  type StoredKey,
} from "../../src/auth/mod.ts";
import { newId } from "../../src/base/mod.ts";
import type { Route } from "../../src/server/route.ts";
import { ROUTES } from "../../src/server/routes/table.ts";
import { ACCESS, EXEMPT, type Expected } from "./access.ts";
import { type Answered, type Fixture, filled, fixture } from "./support.ts";

/** Keeps keys in memory. */
class MemoryKeys implements KeyKeeper {
  readonly kept: StoredKey[] = [];

  async loadKeys() {
    return [...this.kept];
  }

  async saveKey(key: Parameters<KeyKeeper["saveKey"]>[0], sha256: string) {
    const stored = { ...key, id: newId(0), created_at: "2026-01-01T00:00:00.000Z", sha256 };
    this.kept.push(stored);
    return stored;
  }

  async dropKey(id: string) {
    this.kept.splice(
      this.kept.findIndex((key) => key.id === id),
      1,
    );
  }
}

async function node(): Promise<{
  at: Fixture;
  keyFor(capabilities: Capability[]): Promise<string>;
  revoked: string;
}> {
  const keys = new KeyRing();
  await keys.open(new MemoryKeys());
  const at = fixture({ keys, auth: { allowAnonymous: "never", store: keys } });
  let n = 0;
  const keyFor = async (capabilities: Capability[]) =>
    (await keys.create({ name: `key-${n++}`, capabilities }, "test")).key;
  const gone = await keys.create({ name: "revoked", capabilities: ["admin"] }, "test");
  await keys.revoke(gone.id, "test");
  return { at, keyFor, revoked: gone.key };
}

function send(at: Fixture, route: Route, { body }: Expected, key?: string): Promise<Answered> {
  const headers = key === undefined ? {} : { "X-API-Key": key };
  return at.send(
    route.method,
    filled(route.path),
    body === undefined ? { headers } : { headers, json: body },
  );
}

const guarded = ROUTES.filter((route) => route.access !== "exempt");
const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

test("every route that is not for everybody stands in the table, and the table has no other", () => {
  expect(guarded.map(nameOf).sort()).toEqual(Object.keys(ACCESS).sort());
  for (const route of guarded)
    expect([nameOf(route), route.access]).toEqual([nameOf(route), ACCESS[nameOf(route)]!.capability]);
});

test("only these are for everybody", () => {
  const exempt = ROUTES.filter((route) => route.access === "exempt").map(nameOf);
  expect(exempt.sort()).toEqual(EXEMPT.toSorted());
});

describe.each(guarded.map((route) => [nameOf(route), route] as const))("%s", (name, route) => {
  const expected = ACCESS[name] ?? { capability: "admin" };
  const codeOf = ({ status, body }: Answered) => [status, body?.code];

  test("no key is 401, a wrong and a revoked one 403", async () => {
    const { at, revoked } = await node();
    const none = await send(at, route, expected);
    expect(codeOf(none)).toEqual([401, "unauthenticated"]);
    expect(none.headers.get("www-authenticate")).toBe("ApiKey");
    for (const key of ["not-a-key-of-this-node", revoked]) {
      expect(codeOf(await send(at, route, expected, key))).toEqual([403, "forbidden"]);
    }
    expect(at.engine.calls).toEqual([]);
  });

  test("a key with every other capability is denied, one with this alone is not, and neither is an admin's", async () => {
    const { at, keyFor } = await node();
    const others = CAPABILITIES.filter((one) => one !== expected.capability && one !== "admin");
    const denied = await send(at, route, expected, await keyFor(others));
    expect(codeOf(denied)).toEqual(expected.second ? [401, "unauthenticated"] : [403, "capability_denied"]);
    expect(at.engine.calls).toEqual([]);
    for (const capability of [expected.capability, "admin"] as const) {
      const { status } = await send(at, route, expected, await keyFor([capability]));
      // what is named by the path need not be there; nothing else may stand in the way
      expect([expected.status ?? route.answer.status, ...(route.path.includes(":") ? [404] : [])]).toContain(
        status,
      );
    }
  });
});
