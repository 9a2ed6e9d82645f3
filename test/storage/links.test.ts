/** Links mark their targets within their own world: superseded, held against retention, confirmed or contradicted. */
import { describe, expect, test } from "bun:test";
import type { LinkKind, NewAtom } from "../../src/atom/mod.ts";
import { newId } from "../../src/base/mod.ts";
import { DOC, findAtom, trustOf } from "../../src/storage/mod.ts";
import { note, type Store, withStore } from "./harness.ts";

const link = (target: string, kind: LinkKind, extra: Partial<NewAtom> = {}): NewAtom =>
  note({ links: [{ target, kind }], ...extra });

/** Which of the bits that links give stand on an atom. */
function marks(store: Store, id: string): string[] {
  return store.read((reader) => {
    const row = reader.atomById(id)!;
    const { bits } = reader.doc(row.world, row.seq)!;
    return [...(bits & DOC.superseded ? ["superseded"] : []), ...(bits & DOC.held ? ["held"] : [])];
  });
}

describe("a link to an atom of the same world", () => {
  test.each<[LinkKind, string]>([
    ["supersedes", "superseded"],
    ["references", "held"],
    ["confirms", "held"],
    ["contradicts", "held"],
  ])("%s marks it %s", (kind, mark) => {
    withStore((store) => {
      const target = store.remember("target");
      expect(marks(store, target)).toEqual([]);
      const from = store.remember(link(target.toUpperCase(), kind));
      expect(marks(store, target)).toEqual([mark]);
      expect(marks(store, from)).toEqual([]);
    });
  });

  test("acts also when the target arrives later, as in an import", () => {
    withStore((store) => {
      const target = newId(0);
      store.batch([link(target, "supersedes"), link(target, "confirms"), note({ id: target })]);
      expect(marks(store, target)).toEqual(["superseded", "held"]);
    });
  });

  test("and to itself does nothing", () => {
    withStore((store) => {
      const id = newId(0);
      store.remember({ ...link(id, "supersedes"), id });
      expect(marks(store, id)).toEqual([]);
    });
  });

  test("its mark goes with the last atom that gives it", () => {
    withStore((store) => {
      const target = store.remember("target");
      const all = store.batch([
        link(target, "confirms"),
        link(target, "references"),
        link(target, "supersedes"),
        note({
          links: [
            { target, kind: "references" },
            { target, kind: "contradicts" },
            { target, kind: "references" },
          ],
        }),
      ]);
      store.forget(all[2]!);
      expect(marks(store, target)).toEqual(["held"]);
      store.forget(all[0]!, all[1]!);
      expect(marks(store, target)).toEqual(["held"]);
      store.forget(all[3]!);
      expect(marks(store, target)).toEqual([]);
    });
  });

  test("outlives its target, which may come back after retention took it", () => {
    withStore((store) => {
      const target = newId(0);
      const old = note({ id: target, importance: 0 });
      store.batch([old, link(target, "supersedes")]);
      store.policy("home", { min_importance: 0.1 });
      store.pass(1000);
      expect(store.get(target)).toBeUndefined();
      store.policy("home", { min_importance: 0 });
      store.remember(old);
      expect(marks(store, target)).toEqual(["superseded"]);
    });
  });
});

test("a link from another world acts on nothing", () => {
  withStore((store) => {
    const target = store.remember("target");
    const foreign = store.batch([
      link(target, "supersedes", { world: "away" }),
      link(target, "contradicts", { world: "away", worker: "eve" }),
    ]);
    expect(marks(store, target)).toEqual([]);
    expect(store.run((ctx) => trustOf(ctx.db, 1, "ann").votes)).toBe(0);
    const later = newId(0);
    store.remember(link(later, "supersedes", { world: "away" }));
    store.remember({ id: later });
    expect(marks(store, later)).toEqual([]);
    store.remember(link(target, "supersedes"));
    store.forget(...foreign);
    expect(marks(store, target)).toEqual(["superseded"]);
  });
});

test("targets that are no ids are kept and act on nothing", () => {
  withStore((store) => {
    const id = store.remember(link("chapter 7", "supersedes"));
    expect(store.get(id)?.links).toEqual([{ target: "chapter 7", kind: "supersedes" }]);
    store.forget(id);
  });
});

describe("trust", () => {
  const trust = (store: Store, worker = "ann") => store.run((ctx) => trustOf(ctx.db, 1, worker));
  /** Votes of so many other workers on an atom. */
  const vote = (
    store: Store,
    target: string,
    kind: LinkKind,
    voters: number,
    prefix: string = kind,
  ): void => {
    for (let i = 0; i < voters; i++) store.remember(link(target, kind, { worker: `${prefix} ${i}` }));
  };

  test("is (1 + c) / (2 + c + x) of distinct other workers", () => {
    withStore((store) => {
      const target = store.remember("a");
      expect(trust(store)).toEqual({ trust: 1 / 2, votes: 0 });
      vote(store, target, "confirms", 2);
      vote(store, target, "confirms", 2);
      vote(store, target, "contradicts", 3);
      store.remember(link(target, "confirms", { worker: "ann" }));
      vote(store, target, "references", 4);
      expect(trust(store)).toEqual({ trust: 3 / 7, votes: 5 });
    });
  });

  test("counts over all atoms of a worker, and stays when atoms are forgotten", () => {
    withStore((store) => {
      const [a, b] = store.batch(["a", "b"]);
      vote(store, a!, "contradicts", 2);
      vote(store, b!, "contradicts", 3);
      store.forget(a!);
      expect(trust(store)).toEqual({ trust: 1 / 5, votes: 3 });
      store.restart();
      expect(store.writer.status().trust).toEqual([["ann", 1 / 5]]);
    });
  });

  test("votes that came before their target count when it arrives", () => {
    withStore((store) => {
      const id = newId(0);
      vote(store, id, "contradicts", 5);
      store.remember({ id });
      expect(trust(store).votes).toBe(5);
    });
  });
});

describe("quarantine", () => {
  const quarantined = (store: Store, id: string): boolean => {
    const flags = store.get(id)!.flags;
    const row = store.run((ctx) => findAtom(ctx.db, id)!);
    const bit = (store.read((reader) => reader.doc(row.world, row.seq)!.bits) & DOC.quarantined) !== 0;
    expect(flags.includes("quarantine")).toBe(bit);
    return bit;
  };
  const distrust = (store: Store, voters: number): void => {
    const target = store.remember("nonsense");
    for (let i = 0; i < voters; i++) store.remember(link(target, "contradicts", { worker: `voter ${i}` }));
  };

  test("by the caller's flag", () => {
    withStore((store) => {
      const id = store.remember({ flags: ["quarantine"] });
      expect(quarantined(store, id)).toBe(true);
      expect(store.writer.status().quarantined).toBe(1);
      store.forget(id);
      expect(store.writer.status().quarantined).toBe(0);
    });
  });

  test("not by four votes, whatever the trust", () => {
    withStore((store) => {
      distrust(store, 4);
      expect(quarantined(store, store.remember({ importance: 1 }))).toBe(false);
    });
  });

  test("by five votes, an important atom of that worker in that world", () => {
    withStore((store) => {
      distrust(store, 5);
      expect(quarantined(store, store.remember({ importance: 0.71 }))).toBe(true);
      expect(quarantined(store, store.remember({ importance: 0.7 }))).toBe(false);
      expect(quarantined(store, store.remember({ importance: 1, worker: "ben" }))).toBe(false);
      expect(quarantined(store, store.remember({ importance: 1, world: "away" }))).toBe(false);
      store.restart();
      expect(store.writer.status().quarantined).toBe(1);
    });
  });

  test("not when enough others confirm", () => {
    withStore((store) => {
      distrust(store, 5);
      const good = store.remember("good");
      for (let i = 0; i < 2; i++) store.remember(link(good, "confirms", { worker: `friend ${i}` }));
      expect(quarantined(store, store.remember({ importance: 1 }))).toBe(false);
    });
  });
});
