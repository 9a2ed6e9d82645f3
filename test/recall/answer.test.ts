import { describe, expect, test } from "bun:test";
import { withStore } from "../storage/harness.ts";
import { APART, apart, ask, at } from "./harness.ts";

function answer(question: string, ...memories: string[]): string {
  let text = "";
  withStore((store) => {
    store.batch(apart(...memories));
    text = ask(store, question).text;
  });
  return text;
}

describe("the answer is", () => {
  test("the sentence that covers most of the question's words, as it stands", () => {
    expect(answer("Where is the spare key?", "Good morning! The spare key hangs in the shed. See you.")).toBe(
      "The spare key hangs in the shed.",
    );
  });

  test("of equals the one with what is asked for: a time, a number, a name", () => {
    expect(
      answer("When was the boat painted?", "The boat was painted well. The boat was painted on Monday."),
    ).toBe("The boat was painted on Monday.");
    expect(answer("How many oars has the boat?", "The boat has fine oars. The boat has 4 oars.")).toBe(
      "The boat has 4 oars.",
    );
    expect(answer("Who painted the boat?", "Somebody painted the boat. The boat was painted by Maria.")).toBe(
      "The boat was painted by Maria.",
    );
  });

  test("a sentence that tells before one that asks", () => {
    expect(answer("Where is the spare key?", "Where is the spare key?", "The key is in the shed.")).toBe(
      "The key is in the shed.",
    );
    expect(answer("Where is the spare key?", "Where is the spare key?")).toBe("Where is the spare key?");
  });

  test("said by the author who is asked about", () =>
    withStore((store) => {
      store.batch([at(0, "I bought a red boat.", "carol"), at(APART, "I bought a boat.", "bob")]);
      expect(ask(store, "What boat did Bob buy?").text).toBe("I bought a boat.");
    }));

  test("a reading with its key where a payload has no text", () =>
    withStore((store) => {
      store.batch([{ payload_json: '{"temperature": 21.5, "humidity": 40}' }]);
      expect(ask(store, "What is the temperature?").text).toBe("temperature 21.5");
    }));

  test("empty when nothing matches", () => {
    expect(answer("submarine", "The boat is red.")).toBe("");
  });
});
