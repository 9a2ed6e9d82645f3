/** Threads of conversation: a `session:` label names one; without it an atom continues what was said shortly before. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LIMITS } from "../../src/base/mod.ts";
import { findAtom } from "../../src/storage/mod.ts";
import { note, type Store, withStore } from "./harness.ts";

const T0 = Date.UTC(2026, 0, 1);

interface Told {
  session?: string;
  /** Minutes since T0. */
  at?: number;
}

const told = ({ session, at = 0 }: Told) =>
  note({
    timestamp: new Date(T0 + at * 60_000).toISOString(),
    labels: session === undefined ? ["other"] : ["other", `session:${session}`, "session:second"],
  });

/** The threads of a world, each as the sequences of its atoms, following the chain. */
function threads(store: Store, world = "home"): number[][] {
  return store.read((reader) => {
    const { id } = reader.world(world)!;
    const docs = new Map([...reader.docs(id)].map((doc) => [doc.seq, doc]));
    const out: number[][] = [];
    for (const doc of docs.values()) {
      if (doc.prev !== 0) continue;
      const chain: number[] = [];
      for (let at = doc; ; at = docs.get(at.next)!) {
        expect(at.thread).toBe(doc.thread);
        chain.push(at.seq);
        if (at.next === 0) break;
        expect(docs.get(at.next)).toMatchObject({ prev: at.seq });
        expect(docs.get(at.next)!.pos).toBeGreaterThan(at.pos);
      }
      out.push(chain);
    }
    return out;
  });
}

function tell(store: Store, ...all: Told[]): string[] {
  return store.batch(all.map(told));
}

describe("with a session label", () => {
  test("the first one names the thread, whatever the times", () => {
    withStore((store) => {
      tell(
        store,
        { session: "a" },
        { session: "b" },
        { session: "a", at: 100_000 },
        { session: "b", at: -5 },
      );
      expect(threads(store)).toEqual([
        [1, 3],
        [2, 4],
      ]);
    });
  });

  test("a session goes on after a restart and after many others", () => {
    withStore((store) => {
      tell(store, { session: "a" });
      tell(store, ...Array.from({ length: 100 }, (_, i) => ({ session: `other ${i}` })));
      store.restart();
      tell(store, { session: "a" });
      expect(threads(store)[0]).toEqual([1, 102]);
    });
  });

  test("the same name in another world is another thread", () => {
    withStore((store) => {
      store.batch([told({ session: "a" }), { ...told({ session: "a" }), world: "away" }]);
      expect(threads(store)).toEqual([[1]]);
      expect(threads(store, "away")).toEqual([[2]]);
    });
  });
});

describe("without one", () => {
  test("an atom continues the thread when it is less than 30 minutes from its last atom, before or after", () => {
    withStore((store) => {
      tell(store, { at: 0 }, { at: 29.99 }, { at: 60 }, { at: 31 }, { at: 1 }, { at: -20 });
      expect(threads(store)).toEqual([
        [1, 2],
        [3, 4],
        [5, 6],
      ]);
    });
  });

  test("atoms with a session stand aside", () => {
    withStore((store) => {
      tell(store, { at: 0 }, { session: "a", at: 1 }, { at: 2 });
      expect(threads(store)).toEqual([[1, 3], [2]]);
    });
  });
});

test("a thread closes when it is full", () => {
  withStore((store) => {
    const short = note({ payload_json: "" });
    for (let left = LIMITS.threadAtoms + 1; left > 0; left -= LIMITS.batchAtoms) {
      store.batch(Array.from({ length: Math.min(left, LIMITS.batchAtoms) }, () => short));
    }
    const all = threads(store);
    expect(all.map((thread) => thread.length)).toEqual([LIMITS.threadAtoms, 1]);
  });
}, 60_000);

describe("after a forget", () => {
  test("the neighbours are joined; first, middle or last", () => {
    withStore((store) => {
      const ids = tell(store, {}, {}, {}, {}, {});
      store.forget(ids[2]!);
      expect(threads(store)).toEqual([[1, 2, 4, 5]]);
      store.forget(ids[0]!, ids[4]!);
      expect(threads(store)).toEqual([[2, 4]]);
      tell(store, {});
      expect(threads(store)).toEqual([[2, 4, 9]]);
    });
  });

  test("of a thread's only atom the thread before goes on", () => {
    withStore((store) => {
      const ids = tell(store, { at: 0 }, { session: "a" }, { at: 90 });
      store.forget(ids[2]!);
      tell(store, { at: 10 });
      expect(threads(store)).toEqual([[1, 5], [2]]);
    });
  });

  test("of all of it a new thread begins", () => {
    withStore((store) => {
      store.forget(...tell(store, {}, {}), ...tell(store, { session: "a" }));
      tell(store, {}, { session: "a" });
      expect(threads(store)).toEqual([[7], [8]]);
    });
  });
});

interface Member extends Told {
  seq: number;
  id: string;
}

/** The rule in its plainest form. */
class Model {
  threads: Member[][] = [];
  private atoms: Member[] = [];

  add(member: Member): void {
    const last = this.atoms.findLast((atom) => atom.session === member.session);
    const near = member.session !== undefined || Math.abs((last?.at ?? 0) - (member.at ?? 0)) < 30;
    const thread = last && near ? this.threads.find((t) => t.includes(last))! : undefined;
    if (thread) thread.push(member);
    else this.threads.push([member]);
    this.atoms.push(member);
  }

  forget(pick: number): string | undefined {
    const [gone] = this.atoms.splice(pick % Math.max(1, this.atoms.length), 1);
    this.threads = this.threads.map((t) => t.filter((m) => m !== gone)).filter((t) => t.length > 0);
    return gone?.id;
  }

  get sequences(): number[][] {
    return this.threads.map((t) => t.map(({ seq }) => seq)).sort(([a], [b]) => a! - b!);
  }
}

test("the chains are those of a plain model, over forgets and restarts", () => {
  const say = fc.record({
    session: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
    at: fc.integer({ min: 0, max: 120 }),
  });
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ say: fc.array(say, { minLength: 1, maxLength: 4 }) }) },
    { weight: 3, arbitrary: fc.record({ forget: fc.nat() }) },
    { weight: 1, arbitrary: fc.constant({ restart: true }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      withStore((store) => {
        const model = new Model();
        tell(store, { session: "unrelated" });
        for (const now of steps) {
          if ("say" in now) {
            const said = now.say.map(({ session, at }) => (session === undefined ? { at } : { session, at }));
            tell(store, ...said).forEach((id, i) => {
              const { seq } = store.run((ctx) => findAtom(ctx.db, id)!);
              model.add({ ...said[i]!, id, seq });
            });
          } else if ("forget" in now) {
            const id = model.forget(now.forget);
            if (id) store.forget(id);
          } else {
            store.restart();
          }
        }
        expect(threads(store).slice(1)).toEqual(model.sequences);
      });
    }),
    { numRuns: 40 },
  );
}, 60_000);
