import fc from "fast-check";
import { KINDS, type Kind, LINK_KINDS, type LinkKind } from "../../src/atom/mod.ts";
import { Fault } from "../../src/base/mod.ts";

export const NOW = Date.UTC(2026, 5, 1);
export const CONTEXT = { now: NOW, clockSane: true };

/** Unicode text without control characters, of any script. */
const words = (max: number) =>
  fc
    .string({ unit: "binary", minLength: 1, maxLength: max })
    .map((text) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "·"));

const label = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
const link = fc.record({
  target: fc.oneof(fc.uuid(), label),
  kind: fc.constantFrom<LinkKind>(...LINK_KINDS),
});
const time = fc
  .date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date(NOW), noInvalidDate: true })
  .map((date) => date.toISOString());

/** A valid new atom as a caller might write it: any order of keys, nulls for absent fields, bare links. */
export const sentAtom = fc
  .record(
    {
      world: words(60).map((text) => text.replace(/^~/, "·")),
      worker: words(30),
      kind: fc.constantFrom<Kind>(...KINDS),
      payload_json: fc.string({ unit: "binary", maxLength: 400 }),
      id: fc.option(fc.uuid()),
      timestamp: fc.option(fc.oneof(time, fc.constant(""))),
      importance: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
      vector: fc.option(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 8 }),
      ),
      flags: fc.option(fc.array(label, { maxLength: 4 })),
      labels: fc.option(fc.array(label, { maxLength: 4 })),
      links: fc.option(fc.array(fc.oneof(link, fc.uuid()), { maxLength: 4 })),
    },
    { requiredKeys: ["world", "worker", "kind", "payload_json"] },
  )
  .chain((atom) =>
    fc
      .shuffledSubarray(Object.entries(atom), { minLength: Object.keys(atom).length })
      .map((entries) => Object.fromEntries(entries)),
  );

/** The fault that `act` must throw. */
export function faultOf(act: () => unknown): Fault {
  try {
    act();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
