/**
 * Makes the fixture of a released schema: a data directory as that release left it, killed, stopped and encrypted, with
 * what it answered. Run once a schema, with the executable of the release; the result is kept for ever. What the release
 * did not know yet is left out.
 *
 *   bun scripts/store-fixture.ts EXECUTABLE
 *
 * Writes test/fixtures/stores/schema-N.tar.gz and schema-N.json.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Fault } from "../src/base/mod.ts";
import { Client } from "../src/client/mod.ts";
import { StoreReader } from "../src/storage/mod.ts";

const OUT = resolve(import.meta.dir, "../test/fixtures/stores");
/** What can be made again, and what holds no memory. */
const LEFT_OUT = ["ballast", "lock.db", "lock.db-journal", "index", "secrets", "lib"];
const QUESTIONS = [
  ["home", "Where is the spare key?"],
  ["home", "how warm was the greenhouse"],
  ["naïve/été 🌱", "東京タワー"],
  ["sensors", "pressure"],
] as const;

/** The key of the encrypted state: its id and its value. */
const KEY = { id: "TEST", value: "5e".repeat(32) };
const SESSION = "fixture";
/** Reads of the memory family whose answers do not hang on the time. */
const READS = ["/episodes", "/entities", "/skills"];

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
  process.on("exit", () => child.kill("SIGKILL"));
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
  const readings = Array.from({ length: 100 }, (_, n) => ({
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

/** Asks the memory family. @returns undefined when the release does not know the route */
async function send(
  method: string,
  path: string,
  json?: object,
): Promise<Record<string, unknown> | undefined> {
  const answer = await fetch(`${client.address.base}/api/v1${path}`, {
    method,
    headers: { "X-Session-ID": SESSION, "Content-Type": "application/json" },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

/** Episodes, entities with a relation and a version, a skill that was executed. @returns what is then read */
async function remind(): Promise<{ path: string; body: unknown }[]> {
  const login = await send("POST", "/episodes", {
    content: "The login failed because the token had expired.",
    project: "gate",
    outcome: "failure",
    emotional_valence: 0.8,
  });
  if (login === undefined) return [];
  await send("POST", "/episodes", { content: "The token was renewed and the login worked." });
  await send("POST", `/episodes/${login.id}/mark-important`, { boost_factor: 2 });
  const entity = (json: object) => send("POST", "/entities", json);
  const postgres = await entity({ name: "Postgres", entity_type: "TOOL", summary: "A database." });
  const shop = await entity({ name: "Shop", entity_type: "PROJECT", summary: "Sells kettles." });
  await send("PUT", `/entities/${postgres!.id}`, { summary: "A relational database." });
  await send("POST", "/entities/relations", {
    source_id: shop!.id,
    target_id: postgres!.id,
    relation_type: "USES",
  });
  const skill = await send("POST", "/skills", {
    name: "restore-backup",
    domain: "devops",
    task: "Restore the database from last night's backup",
    steps: [
      { order: 1, action: "Stop the service", tool: "systemctl" },
      { order: 2, action: "Start the service" },
    ],
  });
  await send("POST", `/skills/${skill!.id}/execute`, { success: true });
  const paths = [...READS, `/entities/${shop!.id}/relations`];
  return Array.fromAsync(paths, async (path) => ({ path, body: await send("GET", path) }));
}

/** A key for a caller. @returns what is known of it, or nothing when the release makes none */
async function admit(): Promise<unknown[]> {
  const admin = join(live, "secrets", "admin.key");
  if (!existsSync(admin)) return [];
  const owner = new Client({ api: client.address.base, key: readFileSync(admin, "utf8").trim() });
  try {
    await owner.createKey({
      name: "kitchen",
      capabilities: ["read_worlds", "write_worlds"],
      read_worlds: ["home"],
      write_worlds: ["home"],
      importance_cap: 0.5,
    });
    return await owner.keys();
  } catch (cause) {
    if (cause instanceof Fault && cause.code === "not_found") return [];
    throw cause;
  }
}

/** The stopped directory encrypted as it lies, if the release can do that. */
function encrypt(): void {
  const dir = join(work, "stores", "encrypted");
  cpSync(join(work, "stores", "stopped"), dir, { recursive: true });
  const { success } = Bun.spawnSync([executable!, "storage", "rekey", "--to", KEY.id, "--data-dir", dir], {
    env: { ...process.env, [`DWBASE_KEY_${KEY.id}`]: KEY.value },
  });
  for (const file of success ? LEFT_OUT : ["."]) rmSync(join(dir, file), { recursive: true, force: true });
}

const { client, child } = await start();
await fill(client);
const memory = await remind();
const keys = await admit();
const worlds = (await client.worlds({ archived: true })).filter(({ name }) => !name.startsWith("memory/"));
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
encrypt();

const reader = new StoreReader(join(work, "stores", "stopped"));
const schema = Object.values(reader.db.query("PRAGMA user_version").get() as Record<string, number>)[0];
reader.close();
mkdirSync(OUT, { recursive: true });
const packed = Bun.spawnSync([
  "tar", "-czf", join(OUT, `schema-${schema}.tar.gz`), "--owner=0", "--group=0", "-C", join(work, "stores"),
  ...readdirSync(join(work, "stores")),
]); // biome-ignore format: one command
if (!packed.success) throw new Error(packed.stderr.toString());
writeFileSync(
  join(OUT, `schema-${schema}.json`),
  `${JSON.stringify({ worlds, atoms: atoms.flat(), answers, memory, keys }, null, 1)}\n`,
);
rmSync(work, { recursive: true });
console.log(`schema ${schema}: ${atoms.flat().length} atoms in ${worlds.length} worlds`);
