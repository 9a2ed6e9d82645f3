/**
 * Makes the fixture of a released schema: a data directory as that release left it, stopped and killed, with what it
 * answered. Run once a schema, with the executable of the release; the result is kept for ever.
 *
 *   bun scripts/store-fixture.ts EXECUTABLE
 *
 * Writes test/fixtures/stores/schema-N.tar.gz and schema-N.json.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "../src/client/mod.ts";
import { StoreReader } from "../src/storage/mod.ts";

const OUT = resolve(import.meta.dir, "../test/fixtures/stores");
/** What can be made again, and what holds no memory. */
const LEFT_OUT = ["ballast", "lock.db", "index"];
const QUESTIONS = [
  ["home", "Where is the spare key?"],
  ["home", "how warm was the greenhouse"],
  ["naïve/été 🌱", "東京タワー"],
  ["sensors", "pressure"],
] as const;

const executable = process.argv[2];
if (executable === undefined) throw new Error("name the executable of the release");

const work = mkdtempSync(join(tmpdir(), "dwbase-fixture-"));
const live = join(work, "live");

async function start(): Promise<{ client: Client; child: Bun.Subprocess<"ignore", "pipe"> }> {
  const child = Bun.spawn([executable!, "serve", "--listen", "127.0.0.1:0", "--data-dir", live], {
    stdin: "ignore",
    stdout: "pipe",
    env: { ...process.env, INVOCATION_ID: "fixture" },
  });
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.includes('"msg":"ready"')) break;
  }
  const api = /"url":"(http:[^"]+)"/.exec(text)?.[1];
  if (api === undefined) throw new Error(`the node did not start: ${text}`);
  return { client: new Client({ api }), child };
}

function copy(name: string): void {
  const to = join(work, "stores", name);
  cpSync(live, to, { recursive: true });
  for (const file of LEFT_OUT) rmSync(join(to, file), { recursive: true, force: true });
}

async function fill(client: Client): Promise<void> {
  const atom = (world: string, text: string, more: object = {}) =>
    client.remember({
      world,
      worker: "ann",
      kind: "observation",
      payload_json: JSON.stringify({ text }),
      timestamp: "2026-03-01T12:00:00.000Z",
      ...more,
    });
  const key = await atom("home", "The spare key is under the blue pot.", { labels: ["session:1", "pin"] });
  const old = await atom("home", "The greenhouse was at 18 degrees.", { importance: 0.9 });
  await atom("home", "The greenhouse was at 21 degrees, the first reading was wrong.", {
    links: [{ target: old, kind: "supersedes" }],
  });
  await atom("home", "I saw the key there too.", {
    worker: "ben",
    links: [
      { target: key, kind: "confirms" },
      { target: old, kind: "contradicts" },
    ],
  });
  await atom("home", "Do not tell anybody.", { flags: ["quarantine"], vector: [0.5, -1, 2] });
  for (const text of ["東京タワーは高い", "l'été au potager", "plain words"])
    await atom("naïve/été 🌱", text);
  const readings = Array.from({ length: 300 }, (_, n) => ({
    world: "sensors",
    worker: `sensor-${n % 3}`,
    kind: "observation" as const,
    payload_json: JSON.stringify({ pressure: 1000 + n / 10, unit: n }),
    timestamp: new Date(Date.UTC(2026, 2, 1) + n * 60_000).toISOString(),
  }));
  const { ids } = await client.rememberBatch(readings);
  for (const id of ids.slice(0, 3)) await client.forget(id!);
  await client.manageWorld({
    action: "create",
    world: "empty",
    description: "nothing yet",
    labels: ["a", "b"],
  });
  await atom("closed", "An archived world stays readable.");
  await client.manageWorld({ action: "archive", world: "closed" });
  await client.setPolicy({ world: "sensors", retention_days: 36_500, max_bytes: 100_000_000 });
}

const { client, child } = await start();
await fill(client);
const worlds = await client.worlds({ archived: true });
const atoms = await Array.fromAsync(worlds, ({ name }) => Array.fromAsync(client.replay(name)));
const answers = await Array.fromAsync(QUESTIONS, async ([world, text]) => {
  const { supporting_atoms } = await client.ask({ world, text });
  return { world, text, ids: supporting_atoms.map(({ id }) => id) };
});
child.kill("SIGKILL");
await child.exited;
copy("killed");
const again = await start();
again.child.kill("SIGTERM");
await again.child.exited;
copy("stopped");

const reader = new StoreReader(join(work, "stores", "stopped"));
const schema = Object.values(reader.db.query("PRAGMA user_version").get() as Record<string, number>)[0];
reader.close();
mkdirSync(OUT, { recursive: true });
const packed = Bun.spawnSync([
  "tar", "-czf", join(OUT, `schema-${schema}.tar.gz`), "--owner=0", "--group=0", "-C", join(work, "stores"), "killed", "stopped",
]); // biome-ignore format: one command
if (!packed.success) throw new Error(packed.stderr.toString());
writeFileSync(
  join(OUT, `schema-${schema}.json`),
  `${JSON.stringify({ worlds, atoms: atoms.flat(), answers }, null, 1)}\n`,
);
rmSync(work, { recursive: true });
console.log(`schema ${schema}: ${atoms.flat().length} atoms in ${worlds.length} worlds`);
