/**
 * Prints the README's table of what a node takes: memory, time to start, size of the executable.
 *
 *   bun scripts/figures.ts [EXECUTABLE]        default dist/dwbase-linux-<this processor>
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MB } from "../src/base/mod.ts";
import { ChildNode, Dice, memory, postRequest, RawClient, sentence } from "../src/load/mod.ts";

const STARTS = 9;
const SIZES = [10_000, 100_000];
const BATCH = 1000;
const ASKS = 100;
/** From the last work until memory is read: what came with the work is given back by then. */
const REST_MS = 10_000;

const executable = resolve(process.argv[2] ?? join(import.meta.dir, `../dist/dwbase-linux-${process.arch}`));
const dir = mkdtempSync(join(tmpdir(), "dwbase-figures-"));
const mb = (bytes: number): string => (bytes / MB).toFixed(0);
const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function restingBytes(node: ChildNode): Promise<number> {
  await Bun.sleep(REST_MS);
  return node.rssBytes();
}

async function send(client: RawClient, path: string, body: unknown): Promise<void> {
  const status = await client.send(postRequest(path, body));
  if (status !== 200) throw new Error(`${path} answered ${status}: ${client.body.slice(0, 200)}`);
}

/** Resident bytes of an idle node, and with each size of the world after some questions. */
async function memoryFigures(): Promise<{ idle: number; sizes: number[] }> {
  const node = new ChildNode(join(dir, "memory"), {}, [executable]);
  await node.start();
  const idle = await restingBytes(node);
  const client = await RawClient.connect("127.0.0.1", node.port);
  const dice = new Dice(1);
  const sizes: number[] = [];
  let stored = 0;
  for (const size of SIZES) {
    while (stored < size) {
      const atoms = Array.from({ length: BATCH }, () => memory(dice, stored++));
      await send(client, "/remember/batch", { atoms });
    }
    for (let n = 0; n < ASKS; n++) await send(client, "/ask", { world: "bench", text: sentence(dice, 5) });
    sizes.push(await restingBytes(node));
  }
  client.close();
  await node.stop();
  return { idle, sizes };
}

async function startFigures(): Promise<{ healthz: number; ready: number }> {
  const healthz: number[] = [];
  const ready: number[] = [];
  const node = new ChildNode(join(dir, "memory"), {}, [executable]);
  for (let n = 0; n < STARTS; n++) {
    await node.start();
    healthz.push(node.startMs);
    ready.push(node.readyMs);
    await node.stop();
  }
  return { healthz: median(healthz), ready: median(ready) };
}

function compressedBytes(): number {
  const { success, stdout } = Bun.spawnSync(["sh", "-c", 'xz -6 -T0 -c "$1" | wc -c', "sh", executable]);
  if (!success) throw new Error("xz is needed to tell the compressed size");
  return Number(stdout.toString());
}

try {
  const { idle, sizes } = await memoryFigures();
  const { healthz, ready } = await startFigures();
  const [small, large] = sizes.map(mb);
  console.log(`| what | figure |
|---|---|
| start to the first answer of \`/healthz\` / until ready, with 100,000 memories | ${healthz.toFixed(0)} / ${ready.toFixed(0)} ms |
| resident memory: idle / 10,000 / 100,000 memories | ${mb(idle)} / ${small} / ${large} MB |
| the executable / as .xz | ${mb(statSync(executable).size)} / ${mb(compressedBytes())} MB |`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
