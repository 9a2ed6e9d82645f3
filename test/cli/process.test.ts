import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type FakeNode, startFakeNode } from "../client/fake-node.ts";

/** The command line as a process of its own. */
const MAIN = join(import.meta.dir, "../../src/main.ts");
let node: FakeNode;

beforeAll(() => {
  node = startFakeNode();
  node.pageSize = 1000;
  for (let i = 0; i < 5000; i++) {
    const atom = { id: `id-${i}`, world: "home", worker: "w", kind: "plan", payload_json: '{"text":"x"}' };
    node.atoms.set(atom.id, {
      ...atom,
      flags: [],
      labels: [],
      links: [],
      timestamp: "2026-01-01T00:00:00.000Z",
    });
  }
});
afterAll(() => node.stop());

function spawn(...argv: string[]) {
  const env = { ...process.env, DWBASE_API: node.url, DWBASE_CONFIG: "" };
  return Bun.spawn([process.execPath, MAIN, ...argv], { env, stdout: "pipe", stderr: "pipe" });
}

test("exit codes reach the shell, messages go to stderr", async () => {
  const cases: [string[], number][] = [
    [["version"], 0],
    [["nonsense"], 2],
    [["inspect", "none"], 3],
    [["list-worlds", "--api", "http://127.0.0.1:1"], 5],
    [["health", "--api", "http://127.0.0.1:1"], 2],
  ];
  for (const [argv, code] of cases) {
    const child = spawn(...argv);
    expect(await child.exited).toBe(code);
    if (code !== 0 && argv[0] !== "health") expect(await child.stdout.text()).toBe("");
  }
});

test("a long export arrives whole through a pipe", async () => {
  const child = spawn("export", "home");
  const lines = (await child.stdout.text()).trim().split("\n");
  expect([await child.exited, lines.length, JSON.parse(lines.at(-1)!).id]).toEqual([0, 5000, "id-4999"]);
});

test("a reader that goes away ends the command quietly", async () => {
  const command = `"${process.execPath}" "${MAIN}" export home | head -n 1 >/dev/null; echo "\${PIPESTATUS[0]}"`;
  const env = { ...process.env, DWBASE_API: node.url, DWBASE_CONFIG: "" };
  const child = Bun.spawn(["bash", "-c", command], { env, stdout: "pipe", stderr: "pipe" });
  expect([await child.stdout.text(), await child.stderr.text()]).toEqual(["0\n", ""]);
});

test.skipIf(Bun.which("script") === null)(
  "a serial console, which knows no width, is taken to be 80 wide",
  async () => {
    const [atom] = node.atoms.values();
    const text = "0123456789".repeat(9);
    node.atoms.set("long", { ...atom!, id: "long", world: "long", payload_json: JSON.stringify({ text }) });
    const command = `stty cols 0 rows 0; "${process.execPath}" "${MAIN}" replay long`;
    const env = { ...process.env, DWBASE_API: node.url, DWBASE_CONFIG: "", NO_COLOR: "1" };
    const child = Bun.spawn(["script", "-qec", command, "/dev/null"], {
      env,
      stdin: "ignore",
      stdout: "pipe",
    });
    expect(Bun.stringWidth((await child.stdout.text()).trim())).toBe(80);
  },
);
