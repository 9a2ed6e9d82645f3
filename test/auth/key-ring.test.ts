/** Keys made at run time, as requests meet them. */
import { expect, test } from "bun:test";
import {
  Authenticator,
  type Caller,
  type KeyKeeper,
  KeyRing,
  requireCapability,
  type StoredKey,
} from "../../src/auth/mod.ts";
import { type Fault, newId } from "../../src/base/mod.ts";

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
    const at = this.kept.findIndex((key) => key.id === id);
    this.kept.splice(at, 1);
  }
}

function authenticatorOf(store: KeyRing): (key: string) => Caller {
  const authenticator = new Authenticator({
    loopback: false,
    allowAnonymous: "never",
    production: false,
    keys: [{ name: "admin", key: "the-admin-key-of-the-start", admin: true }],
    store,
    security: { readWorlds: [], writeWorlds: [], importanceCap: 1 },
  });
  return (key) =>
    authenticator.authenticate(new Headers({ "X-API-Key": key }), "10.0.0.1", { exempt: false }) as Caller;
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
    return "";
  } catch (error) {
    return (error as Fault).code;
  }
};

test("before the kept keys are read nobody is told that a key is wrong; the admin's is known already", async () => {
  const ring = new KeyRing();
  const enter = authenticatorOf(ring);
  expect(codeOf(() => enter("perhaps-a-key"))).toBe("overloaded");
  expect(enter("the-admin-key-of-the-start").admin).toBe(true);
  await ring.open(new MemoryKeys());
  expect(codeOf(() => enter("perhaps-a-key"))).toBe("forbidden");
});

test("a revoked key ends what is under way, and a new one of its name shares nothing with it", async () => {
  const ring = new KeyRing();
  await ring.open(new MemoryKeys());
  const enter = authenticatorOf(ring);
  const first = await ring.create({ name: "kitchen", capabilities: ["write_worlds"] }, "test");
  const caller = enter(first.key);
  expect(codeOf(() => requireCapability(caller, "write_worlds"))).toBe("");
  await ring.revoke(first.id, "test");
  expect(codeOf(() => requireCapability(caller, "write_worlds"))).toBe("forbidden");
  expect(codeOf(() => enter(first.key))).toBe("forbidden");
  const second = await ring.create({ name: "kitchen", capabilities: ["write_worlds"] }, "test");
  const again = enter(second.key);
  expect(codeOf(() => requireCapability(again, "write_worlds"))).toBe("");
  expect(again.bucket).not.toBe(caller.bucket);
});
