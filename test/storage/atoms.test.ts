/** What was remembered comes back byte for byte, once, in the order in which it came, whatever happens in between. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CLOCK_UNSURE, checkNewAtom, type NewAtom, shortestFloat32 } from "../../src/atom/mod.ts";
import { LIMITS, ManualClock, newId } from "../../src/base/mod.ts";
import { insertAtom } from "../../src/storage/mod.ts";
import { CONTEXT, sentAtom } from "../atom/arbitraries.ts";
import { DAY, faultOf, note, Store, withStore } from "./harness.ts";

/** An atom as it must be answered. */
function expected(atom: NewAtom, id: string, now: string) {
  return {
    id,
    world: atom.world,
    worker: atom.worker,
    kind: atom.kind,
    timestamp: atom.timestamp ?? now,
    importance: atom.importance ?? 0.5,
    payload_json: atom.payload_json,
    vector: atom.vector?.map(shortestFloat32) ?? null,
    flags: atom.flags ?? [],
    labels: atom.labels ?? [],
    links: atom.links ?? [],
  };
}

describe("an atom comes back as it was given", () => {
  const now = (store: Store): string => new Date(store.clock.now()).toISOString();

  test("any valid atom, before and after a restart", () => {
    withStore((store) => {
      const given: [NewAtom, string][] = [];
      fc.assert(
        fc.property(sentAtom, (sent) => {
          const atom = checkNewAtom({ ...sent, id: null }, CONTEXT);
          const id = store.remember(atom);
          given.push([atom, id]);
          expect(store.get(id)).toEqual(expected(atom, id, now(store)));
        }),
        { numRuns: 60 },
      );
      store.restart();
      for (const [atom, id] of given) expect(store.get(id)).toEqual(expected(atom, id, now(store)));
    });
  });

  test.each<[string, Partial<NewAtom>]>([
    ["only what is required", {}],
    ["an empty payload", { payload_json: "" }],
    [
      "a payload with NUL, BOM and characters beyond the basic plane",
      { payload_json: "a\u0000b\ufeff 漢字 🦉" },
    ],
    ["the largest payload", { payload_json: "x".repeat(LIMITS.payloadBytes) }],
    ["a world of 256 emoji", { world: "🦉".repeat(LIMITS.worldChars / 2) }],
    ["a world with slashes and quotes", { world: "a/b//c'\"%_" }],
    ["empty lists", { flags: [], labels: [], links: [] }],
    ["full lists", { labels: Array.from({ length: LIMITS.listItems }, (_, i) => `label ${i}`) }],
    ["the same label twice", { labels: ["a", "a", "b"], flags: ["f", "f"] }],
    ["a vector of all magnitudes", { vector: [0, 1, -1.5, 1e-40, 3e38] }],
    ["the longest vector", { vector: Array.from({ length: LIMITS.vectorDimensions }, (_, i) => i / 4) }],
    ["a time before the epoch", { timestamp: "0001-01-01T00:00:00.000Z" }],
    ["importance 0", { importance: 0 }],
    ["importance 1", { importance: 1 }],
    [
      "links to ids, to words and to the same target",
      {
        links: [
          { target: newId(0), kind: "confirms" },
          { target: "anything", kind: "references" },
          { target: "anything", kind: "supersedes" },
          { target: "anything", kind: "references" },
        ],
      },
    ],
  ])("%s", (_, given) => {
    withStore((store) => {
      const atom = note(given);
      const id = store.remember(atom);
      expect(store.get(id)).toEqual(expected(atom, id, now(store)));
    });
  });

  test("an importance of minus zero is zero", () => {
    withStore((store) => {
      const id = store.remember({ importance: -0 });
      expect(store.get(id)?.importance).toBe(0);
    });
  });

  test("an unknown id is not there", () => {
    withStore((store) => expect(store.get(newId(0))).toBeUndefined());
  });

  test("a node whose clock is not to be believed marks its atoms", () => {
    const store = new Store(new ManualClock(0));
    const id = store.remember({ flags: ["mine"] });
    expect(store.get(id)?.flags).toEqual(["mine", CLOCK_UNSURE]);
    store.finish();
  });
});

describe("an own id makes a retry safe", () => {
  const id = "0190b2a0-0000-7000-8000-000000000001";

  test("the same content again is answered with the same id and stored once", () => {
    withStore((store) => {
      const atom = note({ id, labels: ["x"] });
      expect(store.remember(atom)).toBe(id);
      expect(store.remember(atom)).toBe(id);
      store.restart();
      expect(store.remember(atom)).toBe(id);
      expect(store.writer.status().atoms).toBe(1);
    });
  });

  test("the same content twice in one transaction is stored once", () => {
    withStore((store) => {
      expect(store.batch([note({ id }), note({ id })])).toEqual([id, id]);
      expect(store.writer.status().atoms).toBe(1);
    });
  });

  test("other content is a conflict and changes nothing", () => {
    withStore((store) => {
      store.remember({ id, payload_json: "one" });
      const fault = faultOf(() => store.remember({ id, payload_json: "two" }));
      expect(fault.code).toBe("conflict");
      expect(fault.message).toContain(id);
      expect(faultOf(() => store.remember({ id, payload_json: "one", labels: ["x"] })).code).toBe("conflict");
      expect(store.replay()).toEqual(["one"]);
    });
  });

  test("an id that the node gave is a conflict, since nothing says that the content is the same", () => {
    withStore((store) => {
      const given = store.remember("one");
      expect(faultOf(() => store.remember({ ...note("one"), id: given })).code).toBe("conflict");
    });
  });

  test("a forgotten id is gone for good, also after a restart", () => {
    withStore((store) => {
      const atom = note({ id });
      store.remember(atom);
      store.forget(id);
      expect(faultOf(() => store.remember(atom)).code).toBe("gone");
      store.restart();
      expect(faultOf(() => store.remember(atom)).code).toBe("gone");
      expect(store.read((reader) => reader.isForgotten(id))).toBe(true);
    });
  });

  test("an atom of a deleted world can come back at once, and stays when the old world has vanished", () => {
    withStore((store) => {
      const atom = note({ id });
      store.remember(atom);
      store.world("delete", "home");
      expect(store.remember(atom)).toBe(id);
      store.purge();
      expect(store.get(id)?.payload_json).toBe(atom.payload_json);
      expect(store.replay()).toEqual([atom.payload_json]);
    });
  });
});

describe("the log keeps its order", () => {
  test("replay follows arrival, not timestamps, in pages of any size", () => {
    withStore((store) => {
      const texts = Array.from({ length: 25 }, (_, i) => String(i));
      store.batch(
        texts.map((text, i) => ({ payload_json: text, timestamp: new Date(DAY * (i % 7)).toISOString() })),
      );
      for (const limit of [1, 2, 7, 24, 25, 26]) expect(store.replay("home", limit)).toEqual(texts);
    });
  });

  test("a page ends at its size in bytes, but holds one atom at least", () => {
    withStore((store) => {
      const large = Array.from({ length: 20 }, (_, i) => String(i).padEnd(LIMITS.payloadBytes, "."));
      store.batch(large.map((payload_json) => ({ payload_json })));
      const pages: number[] = [];
      store.read((reader) => {
        let after: number | undefined = 0;
        while (after !== undefined) {
          const page = reader.replay(reader.world("home")!, {}, after, 1000, (row) =>
            Buffer.from(row.payload),
          );
          const bytes = page.atoms.reduce((sum, atom) => sum + atom.length, 0);
          expect(bytes).toBeLessThanOrEqual(LIMITS.replayBytes);
          pages.push(page.atoms.length);
          after = page.next;
        }
      });
      expect(pages).toEqual([7, 7, 6]);
    });
  });

  test("a page that ends early leaves no snapshot open", () => {
    withStore((store) => {
      store.batch(["a", "b", "c"]);
      store.read((reader) => reader.replay(reader.world("home")!, {}, 0, 1, () => new Uint8Array()));
      store.remember("d");
      store.pass(1000);
      expect(store.writer.status().walBytes).toBe(0);
    });
  });

  test("a reader sees a commit at once, and one snapshot as long as it holds it", () => {
    withStore((store) => {
      store.remember({ payload_json: "a" });
      store.read((reader) => {
        store.remember({ payload_json: "b" });
        expect([...reader.docs(1)].length).toBe(1);
      });
      expect(store.replay()).toEqual(["a", "b"]);
    });
  });

  test("filters of replay hold on kinds, workers, labels, flags, times and importance; quarantined atoms need asking for", () => {
    withStore((store) => {
      store.batch([
        { payload_json: "a", kind: "plan", worker: "ann", labels: ["x", "y"], importance: 0.2 },
        { payload_json: "b", kind: "action", worker: "ben", labels: ["x"], flags: ["f"], importance: 0.8 },
        { payload_json: "c", timestamp: "2001-01-01T00:00:00.000Z", labels: ["y"] },
        { payload_json: "d", flags: ["quarantine"] },
      ]);
      const filtered = (filter: object): string =>
        store.read((reader) =>
          reader
            .replay(reader.world("home")!, filter, 0, 100, (row) => Buffer.from(row.payload))
            .atoms.map((bytes) => Buffer.from(bytes).toString())
            .join(""),
        );
      expect(filtered({})).toBe("abc");
      expect(filtered({ kinds: ["plan", "action"] })).toBe("ab");
      expect(filtered({ workers: ["ben"] })).toBe("b");
      expect(filtered({ labels: ["x", "y"] })).toBe("a");
      expect(filtered({ flags: ["f"] })).toBe("b");
      expect(filtered({ flags: ["quarantine"] })).toBe("d");
      expect(filtered({ min_importance: 0.5 })).toBe("bc");
      expect(filtered({ until: "2001-01-01T00:00:00.000Z" })).toBe("c");
      expect(filtered({ since: "2001-01-01T00:00:00.001Z" })).toBe("ab");
    });
  });
});

describe("a sequence is never given twice", () => {
  /** The sequence of a new atom. */
  const next = (store: Store): number =>
    store.run((ctx) => {
      insertAtom(ctx, note({ world: "probe" }));
      return ctx.head;
    });

  test.each<[string, (store: Store) => void]>([
    ["a restart", () => {}],
    ["a forget of the newest atom", (store) => store.forget(store.remember("x"))],
    [
      "retention of the newest atoms",
      (store) => {
        store.batch([{ importance: 0 }, { importance: 0 }]);
        store.policy("home", { min_importance: 1 });
        store.pass(1000);
      },
    ],
    [
      "the end of the world that held the newest atoms",
      (store) => {
        store.batch(["x", "y"]);
        store.world("delete", "home");
        store.pass(5000);
      },
    ],
  ])("after %s", (_, between) => {
    withStore((store) => {
      const first = next(store);
      between(store);
      const before = store.writer.head;
      store.restart();
      expect(store.writer.head).toBe(before);
      expect(next(store)).toBeGreaterThan(Math.max(first, before));
    });
  });

  test("worlds' numbers are not given again either", () => {
    withStore((store) => {
      store.remember({ world: "a" });
      const number = store.read((reader) => reader.world("a")!.id);
      store.world("delete", "a");
      store.purge();
      store.restart();
      store.remember({ world: "b" });
      expect(store.read((reader) => reader.world("b")!.id)).toBeGreaterThan(number);
    });
  });
});

describe("nothing acknowledged is lost", () => {
  test("over two restarts", () => {
    withStore((store) => {
      const texts: string[] = [];
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 30; i++) texts.push(`${round}.${i}`);
        store.batch(texts.slice(-30).map((payload_json) => ({ payload_json })));
        store.restart();
      }
      expect(store.replay()).toEqual(texts);
      expect(store.writer.status().atoms).toBe(90);
    });
  });

  test("when the node is cut off without closing", () => {
    const before = new Store();
    before.batch([{ payload_json: "a" }, { payload_json: "b" }]);
    before.remember({ payload_json: "c" });
    const store = before.crash();
    expect(store.replay()).toEqual(["a", "b", "c"]);
    store.finish();
  });

  test("the node keeps its identity", () => {
    withStore((store) => {
      const { nodeId } = store.writer.status();
      store.restart();
      expect(store.writer.status().nodeId).toBe(nodeId);
    });
  });
});
