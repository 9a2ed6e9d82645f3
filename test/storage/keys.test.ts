import { expect, test } from "bun:test";
import { createKey, listKeys, revokeKey } from "../../src/storage/mod.ts";
import { faultOf, withStore } from "./harness.ts";

const SHA = "ab".repeat(32);

test("a key is kept by its digest, listed, and gone when revoked, over restarts", () =>
  withStore((store) => {
    const made = store.run((ctx) =>
      createKey(
        ctx,
        { name: "kitchen", capabilities: ["read_worlds"], read_worlds: ["home/*"] },
        SHA,
        "admin",
      ),
    );
    store.restart();
    expect(store.read(({ db }) => listKeys(db))).toEqual([made]);
    expect(made).toMatchObject({ name: "kitchen", sha256: SHA, read_worlds: ["home/*"] });
    store.run((ctx) => revokeKey(ctx, made.id, "admin"));
    store.restart();
    expect(store.read(({ db }) => listKeys(db))).toEqual([]);
    expect(faultOf(() => store.run((ctx) => revokeKey(ctx, made.id, "admin"))).code).toBe("not_found");
  }));

test("names are told apart, and a damaged key lets nobody in", () =>
  withStore((store) => {
    const make = (name: string, sha: string) =>
      store.run((ctx) => createKey(ctx, { name, capabilities: ["admin"] }, sha, "admin"));
    make("a", SHA);
    expect(faultOf(() => make("a", "cd".repeat(32))).code).toBe("conflict");
    make("b", "cd".repeat(32));
    const rights = store.db
      .query<{ rights: string }, []>("SELECT rights FROM key WHERE name = 'a'")
      .get()!.rights;
    store.db.run("UPDATE key SET rights = ? WHERE name = 'a'", ['{"capabilities":["read_worlds"]}']);
    expect(store.read(({ db }) => listKeys(db)).map(({ name }) => name)).toEqual(["b"]);
    store.db.run("UPDATE key SET rights = ? WHERE name = 'a'", [rights]);
  }));
