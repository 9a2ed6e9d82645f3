/** A thing that changes is atoms with one subject: the newest is its head, the older stay readable. */
import { expect, test } from "bun:test";
import { idToBytes, newId } from "../../src/base/mod.ts";
import { DOC, FAMILY, findAtom, token } from "../../src/storage/mod.ts";
import { faultOf, note, type Store, withStore } from "./harness.ts";

const entity = { id: idToBytes(newId(0)), family: FAMILY.entity, stability: 1 };
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

test("versions go on after a restart, and after the head was forgotten", () => {
  withStore((store) => {
    store.remember(say("owl"), entity);
    store.restart();
    const head = store.remember(say("owl"), entity);
    store.forget(head);
    expect(facts(store)).toMatchObject({ atoms: 1, docs: 0, tokens: 0, owl: [] });
    const next = store.remember(say("fox"), entity);
    expect(store.run((ctx) => findAtom(ctx.db, next)!.version)).toBe(3);
    expect(facts(store)).toMatchObject({ atoms: 2, docs: 1, fox: [4] });
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
    store.purge();
    store.remember({ ...say("b"), world: "away" }, entity);
    expect(store.replay("away")).toEqual(["b"]);
  });
});
