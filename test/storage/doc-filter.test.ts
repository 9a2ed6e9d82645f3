import { expect, test } from "bun:test";
import fc from "fast-check";
import { type AtomFilter, KINDS } from "../../src/atom/mod.ts";
import { docFilter, passes } from "../../src/storage/mod.ts";
import { note, withStore } from "./harness.ts";

const LABELS = ["a", "b"];
const WORKERS = ["ann", "bob", "eve"];
const START = Date.UTC(2026, 0, 1);
const timeOf = (minute: number): string => new Date(START + minute * 60_000).toISOString();

const given = fc.record({
  kind: fc.constantFrom(...KINDS),
  worker: fc.constantFrom(...WORKERS),
  importance: fc.constantFrom(0, 0.4, 1),
  minute: fc.nat(5),
  labels: fc.subarray(LABELS),
  quarantine: fc.boolean(),
});

const filters: fc.Arbitrary<AtomFilter> = fc.record(
  {
    kinds: fc.subarray([...KINDS]),
    workers: fc.subarray(WORKERS),
    min_importance: fc.constantFrom(0, 0.4, 0.5),
    since: fc.nat(5).map(timeOf),
    until: fc.nat(5).map(timeOf),
    labels: fc.subarray(LABELS),
    flags: fc.subarray(["quarantine"]),
  },
  { requiredKeys: [] },
);

test("what passes together is what passes one by one, and what the filter says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(given, { minLength: 1, maxLength: 20 }), filters, async (atoms, filter) => {
      await withStore((store) => {
        store.batch(
          atoms.map(({ minute, quarantine, ...atom }, i) =>
            note({
              ...atom,
              payload_json: JSON.stringify({ text: `boat ${i}` }),
              timestamp: timeOf(minute),
              flags: quarantine ? ["quarantine"] : [],
            }),
          ),
        );
        const wanted = atoms.map(
          ({ kind, worker, importance, minute, labels, quarantine }) =>
            (filter.kinds?.includes(kind) ?? true) &&
            (filter.workers?.includes(worker) ?? true) &&
            importance >= (filter.min_importance ?? 0) &&
            timeOf(minute) >= (filter.since ?? "") &&
            timeOf(minute) <= (filter.until ?? "9") &&
            (filter.labels ?? []).every((label) => labels.includes(label)) &&
            quarantine === (filter.flags?.includes("quarantine") ?? false),
        );
        store.read((reader) => {
          const world = reader.world("home")!;
          const judge = docFilter(world.id, filter);
          const docs = [...reader.docs(world.id)];
          const passing = reader.passing(world.id, judge, 0, 100)!;
          expect(docs.map(({ seq }) => passing.includes(seq))).toEqual(wanted);
          if (passing.length > 0)
            expect(reader.passing(world.id, judge, 0, passing.length - 1)).toBeUndefined();
          if (judge.tokens.length > 0) return;
          expect(reader.passing(world.id, judge, 0, passing.length)).toEqual(passing);
          expect(docs.map((doc) => passes(doc, judge))).toEqual(wanted);
        });
      });
    }),
    { numRuns: 40 },
  );
});
