/** A thing that changes is atoms with one subject: the newest is its head, the older stay readable. */
import { expect, test } from "bun:test";
import { idToBytes, newId } from "../../src/base/mod.ts";
import {
  countSubjects,
  DOC,
  type EdgeRow,
  edgesOf,
  FAMILY,
  findAtom,
  findSubject,
  listSubjects,
  putEdge,
  token,
  versionsOf,
} from "../../src/storage/mod.ts";
import { faultOf, note, type Store, withStore } from "./harness.ts";

const entity = { id: idToBytes(newId(0)), family: FAMILY.entity, stability: 1 };
const edge = (world: number, source: Uint8Array, target: Uint8Array): EdgeRow => {
  const facts = { type: 0, weight: 0.5, co: 0, created_ms: 1, used_ms: 1 };
  return { world, source, target, ...facts };
};

const say = (text: string) => note({ payload_json: text });

const facts = (store: Store) =>
  store.read((reader) => {
    const world = reader.world("home")!;
    const found = (word: string) => reader.postings(token.word(world.id, word)).map(([seq]) => seq);
    return {
      atoms: world.atoms,
      docs: world.docs,
      tokens: world.tokens,
      owl: found("owl"),
      fox: found("fox"),
    };
  });

test("versions count from 1; only the head is in the text index and the statistics", () => {
  withStore((store) => {
    const ids = [say("owl"), say("owl fox"), say("fox fox fox")].map((atom) => store.remember(atom, entity));
    const rows = store.run((ctx) => ids.map((id) => findAtom(ctx.db, id)!));
    expect(rows.map((row) => row.version)).toEqual([1, 2, 3]);
    expect(facts(store)).toEqual({ atoms: 3, docs: 1, tokens: 3, owl: [], fox: [3] });
  });
});

test("older versions are read by id and in replay", () => {
  withStore((store) => {
    const ids = ["a", "b"].map((text) => store.remember(say(text), entity));
    expect(ids.map((id) => store.get(id)?.payload_json)).toEqual(["a", "b"]);
    expect(store.replay()).toEqual(["a", "b"]);
    const bits = store.read((reader) => [...reader.docs(1)].map((doc) => doc.bits & DOC.old));
    expect(bits).toEqual([DOC.old, 0]);
  });
});

test("a version leaves its thread to those that are heads", () => {
  withStore((store) => {
    store.remember("before");
    store.remember(say("a"), entity);
    store.remember("after");
    store.remember(say("b"), entity);
    const chain = store.read((reader) => [...reader.docs(1)].map(({ prev, next }) => [prev, next]));
    expect(chain).toEqual([
      [0, 3],
      [0, 0],
      [1, 4],
      [3, 0],
    ]);
  });
});

test("versions go on after a restart", () => {
  withStore((store) => {
    store.remember(say("owl"), entity);
    store.restart();
    const next = store.remember(say("fox"), entity);
    expect(store.run((ctx) => findAtom(ctx.db, next)!.version)).toBe(2);
    expect(facts(store)).toMatchObject({ atoms: 2, docs: 1, owl: [], fox: [2] });
  });
});

test("whoever loses the head loses its older versions, its row and its edges", () => {
  withStore((store) => {
    const other = { ...entity, id: idToBytes(newId(0)) };
    store.remember(say("elk"), other);
    store.remember(say("owl"), entity);
    const head = store.remember(say("fox"), entity);
    store.run((ctx) => {
      const { world } = findSubject(ctx, entity.id)!;
      putEdge(ctx, edge(world, entity.id, other.id));
      putEdge(ctx, edge(world, other.id, entity.id));
      expect(edgesOf(ctx.db, world, other.id, 10)).toHaveLength(2);
    });
    store.forget(head);
    expect(facts(store)).toMatchObject({ atoms: 1, docs: 1, owl: [], fox: [] });
    store.run((ctx) => {
      expect(findSubject(ctx, entity.id)).toBeUndefined();
      expect(edgesOf(ctx.db, findSubject(ctx, other.id)!.world, other.id, 10)).toEqual([]);
    });
  });
});

test("subjects of a family are listed by time, newest first, and counted", () => {
  withStore((store) => {
    const made = [3, 1, 2].map((day) => {
      const id = idToBytes(newId(0));
      store.remember({ ...say("x"), timestamp: `2026-01-0${day}T00:00:00.000Z` }, { ...entity, id });
      return id;
    });
    store.run((ctx) => {
      const { world } = findSubject(ctx, made[0]!)!;
      const of = { world, family: FAMILY.entity };
      const ids = listSubjects(ctx.db, of, 2).map((row) => row.id);
      expect(ids).toEqual([made[0]!, made[2]!]);
      expect(listSubjects(ctx.db, of, 2, 2).map((row) => row.id)).toEqual([made[1]!]);
      expect([
        countSubjects(ctx.db, world, FAMILY.entity),
        countSubjects(ctx.db, world, FAMILY.skill),
      ]).toEqual([3, 0]);
    });
  });
});

test("what a version changes about its subject is written with it", () => {
  withStore((store) => {
    store.remember(say("a"), { ...entity, change: { state: "{}" } });
    store.remember(say("b"), { ...entity, change: { stability: 9, accesses: 2 } });
    const row = store.run((ctx) => findSubject(ctx, entity.id)!);
    expect(row).toMatchObject({ version: 2, stability: 9, accesses: 2, state: "{}" });
    expect(store.run((ctx) => versionsOf(ctx.db, entity.id).map((atom) => atom.payload))).toEqual(["a", "b"]);
  });
});

test("an older version can be forgotten alone", () => {
  withStore((store) => {
    const old = store.remember(say("owl"), entity);
    store.remember(say("fox"), entity);
    store.forget(old);
    expect(facts(store)).toEqual({ atoms: 1, docs: 1, tokens: 1, owl: [], fox: [2] });
  });
});

test("a subject of another world or family is a conflict and changes nothing", () => {
  withStore((store) => {
    store.remember(say("a"), entity);
    expect(faultOf(() => store.remember({ ...say("b"), world: "away" }, entity)).code).toBe("conflict");
    expect(faultOf(() => store.remember(say("b"), { ...entity, family: FAMILY.skill })).code).toBe(
      "conflict",
    );
    expect(store.worlds()).toEqual(["home"]);
    expect(store.writer.head).toBe(1);
  });
});

test("the end of its world frees the subject", () => {
  withStore((store) => {
    store.remember(say("a"), entity);
    store.world("delete", "home");
    store.remember({ ...say("b"), world: "away" }, entity);
    store.purge();
    expect(store.replay("away")).toEqual(["b"]);
  });
});
