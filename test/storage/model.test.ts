/** Random operations beside a plain model: the same worlds, the same atoms, in the same order, whatever happened. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type NewAtom, PIN } from "../../src/atom/mod.ts";
import { ManualClock } from "../../src/base/mod.ts";
import { faultOf, note, Store } from "./harness.ts";

const WORLDS = ["home", "away", "~ww:s"];
const OWN_IDS = Array.from({ length: 6 }, (_, i) => `0190b2a0-0000-7000-8000-00000000000${i}`);

interface Kept {
  id: string;
  atom: NewAtom;
}

interface World {
  archived: boolean;
  atoms: Kept[];
  minImportance?: number;
}

/** What a store must hold, in the plainest form. */
class Model {
  readonly worlds = new Map<string, World>();
  private readonly policies = new Map<string, number>();
  private readonly forgotten = new Set<string>();

  get all(): Kept[] {
    return [...this.worlds.values()].flatMap((world) => world.atoms);
  }

  /** The code with which an atom is refused, if it is. */
  refuses(atom: NewAtom): string | undefined {
    const same = this.all.find(({ id }) => id === atom.id);
    if (same) return Bun.deepEquals(same.atom, atom) ? undefined : "conflict";
    if (atom.id !== undefined && this.forgotten.has(atom.id)) return "gone";
    return this.worlds.get(atom.world)?.archived ? "world_archived" : undefined;
  }

  add(id: string, atom: NewAtom): void {
    if (this.all.some((kept) => kept.id === id)) return;
    const world = this.worlds.get(atom.world) ?? { archived: false, atoms: [] };
    this.worlds.set(atom.world, world);
    world.atoms.push({ id, atom });
  }

  forget(id: string): void {
    for (const world of this.worlds.values()) world.atoms = world.atoms.filter((kept) => kept.id !== id);
    this.forgotten.add(id);
  }

  manage(action: "create" | "archive" | "resume" | "delete", name: string): string | undefined {
    const world = this.worlds.get(name);
    if (action === "create" ? world : !world) return world ? "conflict" : "not_found";
    if (action === "create") this.worlds.set(name, { archived: false, atoms: [] });
    else if (action !== "delete") world!.archived = action === "archive";
    else {
      this.worlds.delete(name);
      this.policies.delete(name);
    }
    return undefined;
  }

  policy(world: string, minImportance: number): void {
    this.policies.set(world, minImportance);
  }

  /** Time passes: the policies are applied. */
  retain(): void {
    for (const [name, least] of this.policies) {
      const world = this.worlds.get(name);
      if (!world) continue;
      world.atoms = world.atoms.filter(
        ({ atom }) => (atom.importance ?? 0.5) >= least || atom.labels?.includes(PIN),
      );
    }
  }
}

const atom: fc.Arbitrary<NewAtom> = fc
  .record(
    {
      world: fc.constantFrom(...WORLDS),
      worker: fc.constantFrom("ann", "ben"),
      payload_json: fc.string({ unit: "binary", maxLength: 40 }),
      id: fc.constantFrom(...OWN_IDS),
      importance: fc.constantFrom(0, 0.3, 1),
      labels: fc.subarray(["x", PIN, "session:s"]),
      vector: fc.constant<number[]>([1, 0.5]),
    },
    { requiredKeys: ["world", "worker", "payload_json"] },
  )
  .map((given) => note(given));

const large = atom.map((given) => ({ ...given, payload_json: given.payload_json.padEnd(9000, "owl ") }));

type Step =
  | { add: NewAtom[] }
  | { forget: number[] }
  | { manage: "create" | "archive" | "resume" | "delete"; world: string }
  | { policy: number; world: string }
  | { time: number; idle: boolean }
  | { end: "restart" | "crash" };

const world = fc.constantFrom(...WORLDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ add: fc.array(fc.oneof(atom, large), { minLength: 1, maxLength: 30 }) }),
  },
  { weight: 4, arbitrary: fc.record({ forget: fc.array(fc.nat(), { minLength: 1, maxLength: 10 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      manage: fc.constantFrom("create", "archive", "resume", "resume", "delete"),
      world,
    }),
  },
  { weight: 1, arbitrary: fc.record({ policy: fc.constantFrom(0, 0.2, 0.6), world }) },
  { weight: 2, arbitrary: fc.record({ time: fc.constantFrom(1, 999, 3000), idle: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ end: fc.constantFrom("restart", "crash") }) },
);

/** Does to the store and the model alike. @returns the store to go on with */
function perform(store: Store, model: Model, now: Step): Store {
  if ("add" in now) {
    for (const atom of now.add) {
      const code = model.refuses(atom);
      if (code) expect(faultOf(() => store.remember(atom)).code).toBe(code as never);
    }
    const good = now.add.filter((atom) => model.refuses(atom) === undefined);
    // the first of each own id, since the others are judged against it
    const together = good.filter(
      ({ id }, at) => id === undefined || good.findIndex((other) => other.id === id) === at,
    );
    store.batch(together).forEach((id, at) => {
      model.add(id, together[at]!);
    });
  } else if ("forget" in now) {
    const { all } = model;
    if (all.length === 0) return store;
    const ids = [...new Set(now.forget.map((pick) => all[pick % all.length]!.id))];
    store.forget(...ids);
    for (const id of ids) model.forget(id);
  } else if ("manage" in now) {
    const code = model.manage(now.manage, now.world);
    if (code) expect(faultOf(() => store.world(now.manage, now.world)).code).toBe(code as never);
    else store.world(now.manage, now.world);
  } else if ("policy" in now) {
    store.policy(now.world, { min_importance: now.policy });
    model.policy(now.world, now.policy);
  } else if ("time" in now) {
    store.writer.retainSoon();
    store.pass(now.time, now.idle);
    model.retain();
  } else if (now.end === "crash") {
    return store.crash();
  } else {
    store.restart();
  }
  return store;
}

function compare(store: Store, model: Model): void {
  expect(store.worlds()).toEqual([...model.worlds.keys()].sort());
  for (const [name, { atoms }] of model.worlds) {
    expect(store.replay(name, 7)).toEqual(atoms.map(({ atom }) => atom.payload_json));
    for (const { id, atom } of atoms) {
      const { world, worker, payload_json, labels = [], importance = 0.5, vector = null } = atom;
      expect(store.get(id)).toMatchObject({ id, world, worker, payload_json, labels, importance, vector });
    }
  }
}

test("a store is its model", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 30 }), (steps) => {
      let store = new Store(new ManualClock());
      const model = new Model();
      for (const now of steps) {
        store = perform(store, model, now);
        compare(store, model);
      }
      store.finish();
    }),
    { numRuns: 25 },
  );
}, 60_000);
