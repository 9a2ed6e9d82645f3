import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Action, NODE_OPTIONS } from "../../src/cli/command.ts";
import { parse } from "../../src/cli/parse.ts";

const ACTION: Action = {
  summary: "for the test",
  args: "<world> [...text]",
  options: [
    { flags: "-l, --limit <n>", about: "" },
    { flags: "--label <label>", about: "", repeat: true },
    { flags: "--kind <kind>", about: "", choices: ["plan", "action"] },
    { flags: "--payload-json <json>", about: "" },
    { flags: "--yes", about: "" },
    ...NODE_OPTIONS,
  ],
  examples: ["dwbase try home"],
  run: async () => {},
};

const read = (...tokens: string[]) => parse(["try"], ACTION, tokens);

test("words, options and switches", () => {
  const { args, json } = read("home", "a", "b", "-l", "3", "--label", "x", "--label=y", "--yes", "--json");
  expect(args.word(0)).toBe("home");
  expect(args.rest(1)).toEqual(["a", "b"]);
  expect(args.number("limit")).toBe(3);
  expect(args.list("label")).toEqual(["x", "y"]);
  expect([args.has("yes"), json]).toEqual([true, true]);
});

test("values and words stay as they were typed", () => {
  const typed = fc.oneof(
    fc.string({ minLength: 1 }).filter((text) => !text.startsWith("-") && !text.includes("\0")),
    fc.constantFrom("007", "1e3", "0x10", "", " ", "-", "true", "false", "a=b", "=", "Infinity"),
  );
  fc.assert(
    fc.property(fc.array(typed, { minLength: 1 }), typed, typed, (words, label, payload) => {
      const { args } = read(...words, "--yes", "--label", label, `--payload-json=${payload}`);
      expect(args.rest(0)).toEqual(words);
      expect(args.list("label")).toEqual([label]);
      expect(args.text("payload-json")).toBe(payload);
    }),
  );
});

test("a short option takes its value with and without a gap", () => {
  for (const typed of [["-l", "3"], ["-l3"], ["-l=3"]]) {
    expect(read("home", ...typed, "a").args.number("limit")).toBe(3);
    expect(read("home", ...typed, "a").args.rest(1)).toEqual(["a"]);
  }
  expect(read("home", "--", "-l3").args.rest(1)).toEqual(["-l3"]);
});

test("what follows -- are words", () => {
  expect(read("home", "--", "-5", "--yes").args.rest(1)).toEqual(["-5", "--yes"]);
});

const REFUSED: [tokens: string[], sentence: string][] = [
  [["home", "--labl", "x"], "dwbase try has no option --labl; did you mean --label? See dwbase try --help"],
  [["home", "--payload-jsno", "x"], "did you mean --payload-json?"],
  [["home", "-z"], "dwbase try has no option -z; see dwbase try --help"],
  [["home", "--limit", "-1"], "dwbase try has no option -1; see dwbase try --help"],
  [[], "something is missing; write dwbase try <world> [...text]"],
  [["home", "--limit"], "value is missing"],
  [["home", "--label", "a", "--label"], "--label needs a value"],
  [["home", "-l", "1", "-l", "2"], "--limit was given more than once"],
  [["home", "--kind", "thought"], '--kind takes plan, action, got "thought"'],
  [["home", "--label.x", "y"], "--label needs a value"],
];
for (const [tokens, sentence] of REFUSED) {
  test(`refused: ${tokens.join(" ") || "(nothing)"}`, () => {
    expect(() => read(...tokens)).toThrow(sentence);
  });
}

test("help is answered whatever else is wrong", () => {
  expect(read("--help", "--bogus").help).toBe(true);
  expect(read("-h").help).toBe(true);
});

test("numbers and times are checked", () => {
  const { args } = read("home", "--limit", "2.5", "--timeout", "soon");
  expect(() => args.number("limit", { min: 1, max: 9, whole: true })).toThrow(
    '--limit takes a whole number from 1 to 9, got "2.5"',
  );
  expect(args.number("limit")).toBe(2.5);
  expect(() => args.duration("timeout")).toThrow('--timeout takes a time such as 2s or 500ms, got "soon"');
  expect(() => read("home", "--limit", "").args.number("limit")).toThrow("takes a number");
  expect(read("home", "--timeout", "1500ms").args.duration("timeout")).toBe(1500);
});
