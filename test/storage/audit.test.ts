/** The audit log: entries are chained, so that no change, removal or reordering goes unseen; it is bounded. */
import { describe, expect, test } from "bun:test";
import { LIMITS } from "../../src/base/mod.ts";
import {
  type AuditEvent,
  audit,
  auditOffline,
  listAudit,
  lookInto,
  verifyAudit,
} from "../../src/storage/mod.ts";
import { rowSum } from "../../src/storage/sums.ts";
import { Store } from "./harness.ts";

let store: Store;

function event(target: string): AuditEvent {
  return { action: "flag", actor: "admin", target, detail: "on" };
}

/** A store with `n` entries, written 100 to a transaction. */
function logged(n: number): void {
  store = new Store();
  for (let at = 0; at < n; at += 100)
    store.run((ctx) => {
      for (let i = at; i < Math.min(n, at + 100); i++) audit(ctx, event(`flag ${i + 1}`));
    });
}

const verify = (...expected: Parameters<typeof verifyAudit> extends [unknown, ...infer R] ? R : never) =>
  lookInto(store.dir, (db) => verifyAudit(db, ...expected));

describe("the chain", () => {
  test("holds entries in the order in which they were written", () => {
    logged(3);
    const entries = lookInto(store.dir, (db) => listAudit(db, 2));
    expect(entries.map(({ n, target, actor, action, detail }) => [n, target, actor, action, detail])).toEqual(
      [
        [2, "flag 2", "admin", "flag", "on"],
        [3, "flag 3", "admin", "flag", "on"],
      ],
    );
    expect(verify()).toMatchObject({ clean: true, entries: 3, dropped: 0, head: { n: 3 }, findings: [] });
    store.finish();
  });

  test("an entry belongs to the transaction that it speaks of", () => {
    logged(1);
    const outcomes = store.writer.commit([
      (ctx) => {
        audit(ctx, event("undone"));
        throw new Error("the act failed");
      },
    ]);
    expect("fault" in outcomes[0]!).toBe(true);
    expect(verify()).toMatchObject({ clean: true, entries: 1 });
    store.finish();
  });

  test("is empty and whole in a new store", () => {
    logged(0);
    expect(verify()).toMatchObject({ clean: true, entries: 0, head: { n: 0 } });
    store.finish();
  });

  const tampered: [string, string, number | undefined][] = [
    ["a changed detail", "UPDATE audit SET detail = 'off' WHERE n = 2", 2],
    ["a changed actor", "UPDATE audit SET actor = 'nobody' WHERE n = 3", 3],
    ["a changed time", "UPDATE audit SET at_ms = at_ms + 1 WHERE n = 1", 1],
    ["a removed entry", "DELETE FROM audit WHERE n = 2", undefined],
    ["a removed first entry", "DELETE FROM audit WHERE n = 1", undefined],
    ["a removed last entry", "DELETE FROM audit WHERE n = 4", undefined],
    ["all entries removed", "DELETE FROM audit", undefined],
    [
      "two entries that changed places",
      "UPDATE audit SET n = 99 WHERE n = 2; UPDATE audit SET n = 2 WHERE n = 3; UPDATE audit SET n = 3 WHERE n = 99",
      undefined,
    ],
    [
      "a forged entry at the end",
      "INSERT INTO audit SELECT 5, at_ms, action, actor, target, detail, hash, sum FROM audit WHERE n = 4",
      undefined,
    ],
  ];
  test.each(tampered)("shows %s", (_, sql) => {
    logged(4);
    const row = () =>
      store.db.query<Record<string, string | number | Uint8Array>, []>("SELECT * FROM audit").all();
    store.db.exec(sql);
    // whoever changes a row can make its checksum fit as well
    for (const { sum: _sum, ...columns } of row())
      store.db
        .query("UPDATE audit SET sum = ? WHERE n = ?")
        .run(rowSum("audit", Object.values(columns)), columns.n as number);
    const { clean, findings } = verify();
    expect({ clean, some: findings.length > 0 }).toEqual({ clean: false, some: true });
    store.discard();
  });

  test("a log rewritten as a whole does not hold an end that was noted before", () => {
    logged(3);
    const noted = verify().head;
    expect(verify(noted).clean).toBe(true);
    store.run((ctx) => audit(ctx, event("later")));
    expect(verify(noted).clean).toBe(true);
    expect(verify({ ...noted, hash: "00".repeat(32) })).toMatchObject({ clean: false });
    expect(verify({ n: 99, hash: noted.hash })).toMatchObject({ clean: false });
    store.finish();
  });
});

describe("its bound", () => {
  test("drops the oldest block and stays whole", () => {
    logged(LIMITS.auditEntries + 1);
    expect(verify()).toMatchObject({
      clean: true,
      entries: LIMITS.auditEntries + 1 - LIMITS.auditBlock,
      dropped: LIMITS.auditBlock,
      head: { n: LIMITS.auditEntries + 1 },
    });
    store.db.run("DELETE FROM audit WHERE n = ?", [LIMITS.auditBlock + 1]);
    expect(verify().clean).toBe(false);
    store.discard();
  });

  test("cuts what is too long, and keeps lone surrogates out", () => {
    logged(0);
    store.run((ctx) =>
      audit(ctx, { action: "panic", actor: "a".repeat(1000), target: "\ud800", detail: "d".repeat(5000) }),
    );
    const [entry] = lookInto(store.dir, (db) => listAudit(db, 1));
    expect([entry!.actor.length, entry!.target, entry!.detail.length]).toEqual([
      LIMITS.auditNameChars,
      "\ufffd",
      LIMITS.auditDetailChars,
    ]);
    expect(verify().clean).toBe(true);
    store.finish();
  });
});

test("what is done offline is appended to the same chain", () => {
  logged(2);
  store.writer.close();
  auditOffline(store.dir, { action: "restore", actor: "command line", target: "backup.tzst" });
  expect(verify()).toMatchObject({ clean: true, entries: 3 });
  store.reopen();
  store.finish();
});
