/** An entity's versions in time: corrections, new facts and what an import says has ended, read at any moment. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatTime } from "../../src/base/mod.ts";
import { ControlCells } from "../../src/control/mod.ts";
import {
  type Entity,
  type MemoryRead,
  type MemoryWrite,
  readMemory,
  writeMemory,
} from "../../src/memory/mod.ts";
import { MEMORY } from "../engine/harness.ts";
import { faultOf, withPlainStore } from "../storage/harness.ts";

const SESSION = "historian";
const ID = "7c9e6679-7425-40de-944b-000000000001";

/** What is told of the entity after some ms. */
const told = fc.record({
  after: fc.nat(50),
  what: fc.constantFrom("fact" as const, "correction" as const),
});
/** How long before the first of these it began to hold, and how long it held: 0 for as long as nothing else is told. */
const past = fc.record({ before: fc.nat(30), held: fc.nat(60) });

/** A fact with the time from which it holds, and the end that it was imported with. */
interface Fact {
  fromMs: number;
  endMs: number;
  summary: string;
}

const FOREVER = Number.POSITIVE_INFINITY;

test("at any moment the fact is read that held then, as it was last corrected, with its beginning and end", () => {
  fc.assert(
    fc.property(past, fc.array(told, { maxLength: 8 }), ({ before, held }, tellings) => {
      withPlainStore((store) => {
        const write = (request: MemoryWrite) =>
          store.run((ctx) => writeMemory(ctx, SESSION, request, MEMORY, new ControlCells()));
        const read = (request: MemoryRead): Entity =>
          store.read((reader) => {
            const options = { now: store.clock.now(), checkDeadline: () => {} };
            return readMemory({ reader, session: SESSION, settings: MEMORY, options }, request);
          }) as Entity;
        const fact = (summary: string) => ({ name: "till", entityType: "FACT" as const, summary });

        const start = store.clock.now() - before;
        const ended = held === 0 ? {} : { endedMs: start + held };
        const first = { item: { ...fact("0"), ...ended }, kept: { validFromMs: start } };
        write({ op: "import", items: [{ list: "entities", index: 0, family: "entity", id: ID, ...first }] });
        const facts: Fact[] = [{ fromMs: start, endMs: ended.endedMs ?? FOREVER, summary: "0" }];
        tellings.forEach(({ after, what }, at) => {
          store.clock.advance(after);
          const summary = String(at + 1);
          const last = facts.at(-1)!;
          if (what === "correction") {
            write({ op: "change_entity", id: ID, change: { summary } });
            last.summary = summary;
          } else {
            write({ op: "supersede", id: ID, item: fact(summary) });
            facts.push({ fromMs: Math.max(store.clock.now(), last.fromMs + 1), endMs: FOREVER, summary });
          }
        });

        for (let atMs = start - 2; atMs <= store.clock.now() + 65; atMs++) {
          const at = facts.findLastIndex(({ fromMs }) => fromMs <= atMs);
          const { fromMs, endMs, summary } = facts[at] ?? { fromMs: 0, endMs: 0, summary: "" };
          if (endMs <= atMs) {
            expect(faultOf(() => read({ op: "entity", id: ID, atMs })).code).toBe("not_found");
            continue;
          }
          const until = Math.min(endMs, facts[at + 1]?.fromMs ?? FOREVER);
          expect(read({ op: "entity", id: ID, atMs })).toMatchObject({
            id: ID,
            summary,
            valid_from: formatTime(fromMs),
            valid_to: until === FOREVER ? null : formatTime(until),
          });
        }
        expect(read({ op: "entity", id: ID }).summary).toBe(facts.at(-1)!.summary);
      });
    }),
    { numRuns: 20 },
  );
});
