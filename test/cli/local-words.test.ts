import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allWords } from "../../src/cli/words.ts";
import { TEMPLATES } from "../../src/config/mod.ts";
import { type Bench, openBench } from "./harness.ts";

let bench: Bench;

beforeEach(() => {
  bench = openBench();
});
afterEach(() => bench.close());

test("version", async () => {
  expect((await bench.run(["version"])).out).toMatch(/^dwbase \d+\.\d+\.\d+ \(\S+, \d{4}-\d\d-\d\d\)\n$/);
  expect(Object.keys(JSON.parse((await bench.run(["version", "--json"])).out))).toEqual([
    "version",
    "commit",
    "built",
  ]);
  expect((await bench.run(["--version"])).out).toStartWith("dwbase ");
});

test("every command has help with an example, --json and --help", async () => {
  for (const [name, word] of await allWords()) {
    const paths = "actions" in word ? Object.keys(word.actions).map((action) => [name, action]) : [[name]];
    if ("actions" in word) expect((await bench.run([name, "--help"])).code).toBe(0);
    for (const path of paths) {
      const { code, out, err } = await bench.run([...path, "--help"]);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toStartWith(`dwbase ${path.join(" ")}: `);
      expect(out).toMatch(/Examples?:\n {2}\$ .*dwbase/);
      expect(out).toContain("--json");
    }
  }
});

test("help lists the commands and the exit codes", async () => {
  for (const argv of [["--help"], ["-h"], ["help"]]) {
    const { code, out } = await bench.run(argv);
    expect(code).toBe(0);
    for (const name of (await allWords()).keys()) expect(out).toContain(`\n  ${name} `);
    expect(out).toContain("Exit codes: 0 done");
  }
  expect((await bench.run(["help", "ask"])).out).toStartWith("dwbase ask: ");
});

test("a missing or unknown word is exit 2, with the nearest as a hint", async () => {
  const sentences: [string[], string][] = [
    [[], "name a command"],
    [["remembr", "x"], "did you mean dwbase remember?"],
    [["deploy"], "dwbase deploy needs one of local, edge, devnet, status, stop, clean"],
    [["deploy", "stopp"], "did you mean dwbase deploy stop?"],
    [["constructor"], "there is no command dwbase constructor"],
  ];
  for (const [argv, sentence] of sentences) {
    const { code, out, err } = await bench.run(argv);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(sentence);
  }
});

test("DWBASE_DEBUG=1 adds the stack", async () => {
  expect((await bench.run(["nonsense"])).err).not.toContain("    at ");
  expect((await bench.run(["nonsense"], { env: { DWBASE_DEBUG: "1" } })).err).toContain("    at ");
});

test("config init writes a template once, config check and show read it", async () => {
  expect((await bench.run(["config", "init", "edge"])).code).toBe(0);
  const path = join(bench.dir, "dwbase.toml");
  expect(readFileSync(path, "utf8")).toBe(TEMPLATES.edge);
  const again = await bench.run(["config", "init"]);
  expect([again.code, again.err]).toEqual([
    1,
    `dwbase: ${path} exists; choose another --out, or overwrite it with --force\n`,
  ]);
  expect((await bench.run(["config", "init", "--force"])).code).toBe(0);
  expect((await bench.run(["config", "init", "devnet", "--out", "-"])).out).toBe(TEMPLATES.devnet);
  expect((await bench.run(["config", "init", "cloud"])).code).toBe(2);

  expect((await bench.run(["config", "check", "dwbase.toml"])).out).toBe(`${path} is valid\n`);
  const shown = JSON.parse((await bench.run(["config", "show", "--json"])).out);
  expect([shown.path, shown.notices]).toEqual([path, []]);
  expect(shown.settings.find(({ key }: { key: string }) => key === "node.listen").value).toBe(
    '"127.0.0.1:8080"',
  );
});

test("config check names file, line and key", async () => {
  writeFileSync(join(bench.dir, "bad.toml"), '[node]\nlistn = "127.0.0.1:8080"\n');
  const { code, out, err } = await bench.run(["config", "check", "bad.toml"]);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain("bad.toml:2: node.listn is not a setting; did you mean node.listen?");
  expect((await bench.run(["config", "check", "absent.toml"])).code).toBe(2);
  expect((await bench.run(["config", "check", "."])).err).toBe(
    `dwbase: cannot read ${bench.dir}: it is a directory; name a file\n`,
  );
});

test("deploy status, stop and clean with nothing there", async () => {
  expect((await bench.run(["deploy", "status"])).err).toContain("no node was started here");
  expect(JSON.parse((await bench.run(["deploy", "status", "--json"])).out)).toEqual([]);
  expect((await bench.run(["deploy", "stop"])).err).toBe("no node runs\n");
  expect((await bench.run(["deploy", "clean"])).code).toBe(2);
  expect((await bench.run(["deploy", "clean", "--yes"])).err).toBe("there is nothing to remove\n");
  expect((await bench.run(["deploy", "devnet", "--nodes", "0"])).code).toBe(2);
});

test("completion scripts know every command, and their shells accept them", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, out } = await bench.run(["completion", shell]);
    expect(code).toBe(0);
    for (const name of (await allWords()).keys()) expect(out).toContain(name);
    if (Bun.which(shell) !== null)
      expect(Bun.spawnSync([shell, "-n"], { stdin: Buffer.from(out) }).exitCode).toBe(0);
  }
  expect((await bench.run(["completion", "tcsh"])).code).toBe(2);
  // a word that does something on its own has options of its own
  const fish = (await bench.run(["completion", "fish"])).out;
  expect(fish).toMatch(/-n '__fish_seen_subcommand_from backup; and not [^']*' -l unmounted/);
});

test("bash completion offers words, actions, options and choices", async () => {
  const { out } = await bench.run(["completion", "bash"]);
  const offered = (...typed: string[]) => {
    const words = ["dwbase", ...typed].map((word) => `'${word}'`).join(" ");
    const script = `${out}\nCOMP_WORDS=(${words}); COMP_CWORD=${typed.length}; _dwbase; echo "\${COMPREPLY[@]}"`;
    return Bun.spawnSync(["bash", "-c", script]).stdout.toString().trim().split(" ");
  };
  expect(offered("re")).toEqual(["remember", "replay"]);
  expect(offered("deploy", "st")).toEqual(["status", "stop"]);
  expect(offered("deploy", "devnet", "--n")).toEqual(["--nodes"]);
  expect(offered("remember", "home", "--kind", "p")).toEqual(["plan"]);
  expect(offered("completion", "z")).toEqual(["zsh"]);
  expect(offered("hel")).toEqual(["help"]);
  expect(offered("help", "re")).toEqual(["remember", "replay"]);
  expect(offered("help", "deploy", "st")).toEqual(["status", "stop"]);
});
