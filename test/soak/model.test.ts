/** The soak's judge: it must see every loss, and blame nothing that the contract allows. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Found, Model, type Sent } from "../../src/soak/model.ts";

const sent = (id: string, payload = `{"n":"${id}"}`): Sent => ({ id, world: "w", payload });
const found = ({ id, world, payload }: Sent): Found => ({ id, world, payload_json: payload });

function modelWith(...ids: string[]): Model {
  const model = new Model();
  for (const id of ids) {
    model.sending(sent(id));
    model.acked(id);
  }
  return model;
}

test("an acknowledged atom must be there, as it was sent, in its world", () => {
  const model = modelWith("a", "b", "c");
  const there = [found(sent("a")), found(sent("b", "{}")), { ...found(sent("c")), world: "x" }];
  expect(model.judge(there).map(({ id, problem }) => [id, problem])).toEqual([
    ["b", "changed"],
    ["c", "changed"],
  ]);
  expect(model.judge([]).map(({ problem }) => problem)).toEqual(["lost", "lost", "lost"]);
});

test("an atom without an outcome may be there or not, but not changed", () => {
  const model = modelWith();
  model.sending(sent("a"));
  expect(model.judge([])).toEqual([]);
  expect(model.judge([found(sent("a"))])).toEqual([]);
  expect(model.judge([found(sent("a", "{}"))])[0]?.problem).toBe("changed");
});

test("a refused atom must not be there", () => {
  const model = modelWith();
  model.sending(sent("a"));
  model.refused("a");
  expect(model.judge([found(sent("a"))])[0]?.problem).toBe("never sent");
});

test("a forgotten atom must be gone; before its acknowledgement it may be either; a refused forget leaves it", () => {
  const model = modelWith("a");
  model.forgetting("a");
  expect([model.judge([]), model.judge([found(sent("a"))])]).toEqual([[], []]);
  model.forgot("a");
  expect(model.judge([found(sent("a"))])[0]?.problem).toBe("forgotten, yet there");
  const other = modelWith("b");
  other.forgetting("b");
  other.stays("b");
  expect(other.judge([])[0]?.problem).toBe("lost");
});

test("a copy holds what was acknowledged when it was begun, and nothing unknown", () => {
  const model = modelWith("a", "b");
  const since = model.snapshot();
  model.sending(sent("c"));
  model.acked("c");
  model.forgetting("b");
  model.forgot("b");
  // the later one may be in it, the one forgotten since may be there still
  expect(model.judgeCopy([found(sent("a")), found(sent("b")), found(sent("c"))], since)).toEqual([]);
  expect(model.judgeCopy([found(sent("a"))], since)).toEqual([]);
  expect(model.judgeCopy([], since).map(({ id, problem }) => [id, problem])).toEqual([["a", "lost"]]);
  expect(model.judgeCopy([found(sent("a")), found(sent("z"))], since)[0]?.problem).toBe("never sent");
});

test("whatever happens, a store that does as it says is not blamed", () => {
  const step = fc.record({
    id: fc.constantFrom("a", "b", "c", "d"),
    what: fc.constantFrom("store", "refuse", "cut", "forget", "cut forget"),
    happened: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const model = new Model();
      const store = new Map<string, Sent>();
      const used = new Set<string>();
      steps.forEach(({ id, what, happened }, n) => {
        const kept = model.snapshot().has(id);
        if (what === "forget" && kept) {
          model.forgetting(id);
          model.forgot(id);
          store.delete(id);
        } else if (what === "cut forget" && kept) {
          model.forgetting(id);
          if (happened) store.delete(id);
        } else if (!used.has(id) && ["store", "refuse", "cut"].includes(what)) {
          used.add(id);
          const atom = sent(id, String(n));
          model.sending(atom);
          if (what === "store" || (what === "cut" && happened)) store.set(id, atom);
          if (what === "store") model.acked(id);
          if (what === "refuse") model.refused(id);
        }
        expect(model.judge([...store.values()].map(found))).toEqual([]);
      });
    }),
  );
});
