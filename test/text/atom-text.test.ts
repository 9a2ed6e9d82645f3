import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LIMITS } from "../../src/base/mod.ts";
import { atomText } from "../../src/text/mod.ts";

const textOf = (payload: string): string => atomText(payload, "w").text;
const authorsOf = (payload: string): string[] => atomText(payload, "w").authors;

describe("text of an atom", () => {
  test("is its string leaves in order, without keys and without what is no string", () => {
    expect(textOf('{"title":"Hi","n":3,"more":{"b":["x","y"],"a":"z"},"ok":true}')).toBe("Hi\nx\ny\nz");
  });

  test("is key and value where no leaf is a string", () => {
    expect(textOf('{"temperature":21.5}')).toBe("temperature 21.5");
    expect(textOf('{"living_room":{"isOpen":true,"readings":[1,2]},"x":null}')).toBe(
      "living room is Open true\nliving room readings 1\nliving room readings 2\nx null",
    );
    expect(textOf('{"note":" ","temperature":21.5}')).toBe("temperature 21.5");
  });

  test("leaves author fields out of both", () => {
    expect(textOf('{"speaker":"Ann","text":"hi"}')).toBe("hi");
    expect(textOf('{"from":"sensor","temperature":21.5}')).toBe("temperature 21.5");
    expect(textOf('{"user":"Ann"}')).toBe("");
  });

  test("is the value itself where the payload is no object", () => {
    expect(textOf('"hello"')).toBe("hello");
    expect(textOf("21.5")).toBe("21.5");
    expect(textOf("true")).toBe("true");
    expect(textOf("null")).toBe("null");
    expect(textOf('["a",1,"b"]')).toBe("a\nb");
    expect(textOf("[1,2]")).toBe("1\n2");
  });

  test("is the payload as it is where that is not JSON", () => {
    expect(textOf("remember the milk")).toBe("remember the milk");
    expect(textOf('{"a":')).toBe('{"a":');
    expect(textOf("")).toBe("");
  });

  test("is the payload as it is where that is nested too deep", () => {
    const nested = (depth: number): string => `${"[".repeat(depth)}"x"${"]".repeat(depth)}`;
    expect(textOf(nested(LIMITS.depth))).toBe("x");
    expect(textOf(nested(LIMITS.depth + 1))).toBe(nested(LIMITS.depth + 1));
    expect(textOf(nested(LIMITS.payloadBytes / 2 - 2))).toHaveLength(LIMITS.payloadBytes - 1);
  });

  test("is never longer than a payload, however often a key would repeat", () => {
    const payload = `{"${"k".repeat(100_000)}":[${"1,".repeat(50_000)}1]}`;
    expect(textOf(payload).length).toBeLessThanOrEqual(LIMITS.payloadBytes);
    expect(textOf(payload)).not.toBe("");
  });
});

describe("meaning of an atom", () => {
  const meaningOf = (payload: string): string => atomText(payload, "w").meaning;

  test("is its text", () => {
    for (const payload of [
      '{"a":"x","b":["y"]}',
      '{"temperature":21.5}',
      "plain",
      '{"context":{"tool":"vim"}}',
    ])
      expect(meaningOf(payload)).toBe(textOf(payload));
  });

  test("leaves out the context of a content, which its text holds", () => {
    const context = { tool: "kubectl", more: ["shop", { deeper: "x" }] };
    const payload = JSON.stringify({ content: "It failed.", context, note: { context: { where: "here" } } });
    expect(textOf(payload)).toBe("It failed.\nkubectl\nshop\nx\nhere");
    expect(meaningOf(payload)).toBe("It failed.\nhere");
    expect(meaningOf('{"context":{"tool":"vim"},"content":" "}')).toBe("vim");
    expect(meaningOf('{"context":{"tool":"vim"},"content":{"text":"x"}}')).toBe("vim\nx");
  });
});

describe("authors of an atom", () => {
  test("are its author fields at any depth and in any case, then the worker", () => {
    const payload =
      '{"Speaker":"Ann","text":"x","meta":[{"AUTHOR":"Bob","role":"user"}],"from":"Cy","user":"Di"}';
    expect(authorsOf(payload)).toEqual(["Ann", "Cy", "Di", "Bob", "user", "w"]);
  });

  test("are distinct, as given, and not blank", () => {
    expect(authorsOf('{"user":"w","from":" ","role":"W"}')).toEqual(["w", "W"]);
  });

  test("are strings only: an author that is an object is read like any other", () => {
    expect(atomText('{"user":{"name":"Ann","id":7}}', "w")).toMatchObject({ text: "Ann", authors: ["w"] });
    expect(textOf('{"from":3}')).toBe("from 3");
  });

  test("are bounded, and the worker is always among them", () => {
    const many = JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ user: `u${i}` })));
    expect(authorsOf(many)).toHaveLength(LIMITS.atomAuthors);
    expect(authorsOf(many).at(-1)).toBe("w");
  });
});

test("any payload has a text and its worker as author", () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), fc.string({ minLength: 1 }), (payload, worker) => {
      const { text, authors } = atomText(payload, worker);
      expect(typeof text).toBe("string");
      expect(authors).toContain(worker);
    }),
  );
});
