/** Data directories as released versions left them: every later build opens them, and they hold what they held. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Atom } from "../../src/atom/mod.ts";
import { LIMITS, layout } from "../../src/base/mod.ts";
import { type Keyring, rekeyStore, repairStore } from "../../src/storage/mod.ts";
import { MIGRATIONS } from "../../src/storage/schema.ts";
import { fixture as serverOver } from "../server/support.ts";
import { KEYRING } from "../storage/harness.ts";
import { contentOf, Fixture, JSON_WANTED } from "./harness.ts";

const STORES = join(import.meta.dir, "../fixtures/stores");

interface Release {
  worlds: { name: string; atoms: number; archived: boolean; description: string; labels: string[] }[];
  atoms: Atom[];
  answers: { world: string; text: string; ids: string[] }[];
  /** What the memory family answered; absent of releases before it. */
  memory?: { path: string; body: object }[];
  /** Keys that were made, without their secrets. */
  keys?: object[];
}

/** Fields whose value hangs on when it is asked for. */
const FLEETING = new Set(["retrievability"]);

const releases = readdirSync(STORES)
  .filter((name) => name.endsWith(".tar.gz"))
  .map((name) => name.replace(".tar.gz", ""));

const answersOf = (release: string): Promise<Release> => Bun.file(join(STORES, `${release}.json`)).json();

/** States that a release's fixture holds: "encrypted" only since there is encryption. */
function statesOf(release: string): string[] {
  const { stdout } = Bun.spawnSync(["tar", "-tzf", join(STORES, `${release}.tar.gz`)]);
  return ["stopped", "killed", "encrypted"].filter((state) => stdout.includes(`${state}/dwbase.db`));
}

/** A fixture of a new directory, encrypted or to be. */
function fixtureWith(keyring: Keyring): Fixture {
  const before = Fixture.keyring;
  Fixture.keyring = keyring;
  const fixture = new Fixture();
  Fixture.keyring = before;
  return fixture;
}

async function unpack(release: string, state: string): Promise<Fixture> {
  const fixture = await unpacked(release, state);
  await fixture.start();
  return fixture;
}

/** A directory as the release left it, not opened yet. */
async function unpacked(release: string, state: string): Promise<Fixture> {
  const fixture = state === "encrypted" ? fixtureWith(KEYRING) : new Fixture();
  const { success, stderr } = Bun.spawnSync([
    ...[
      "tar",
      "-xzf",
      join(STORES, `${release}.tar.gz`),
      "--strip-components=1",
      "-C",
      fixture.dataDir,
      state,
    ],
  ]);
  if (!success) throw new Error(stderr.toString());
  return fixture;
}

async function replayAll(fixture: Fixture, worlds: Release["worlds"]): Promise<Atom[]> {
  const atoms: Atom[] = [];
  for (const { name } of worlds) atoms.push(...(await fixture.replay(name)));
  return atoms;
}

/** What the memory family says, asked for as the release was. */
async function readMemory({ engine }: Fixture, expected: Release): Promise<unknown[]> {
  const { send } = serverOver({ over: engine });
  const bodies: unknown[] = [];
  for (const { path } of expected.memory ?? []) {
    bodies.push((await send("GET", `/api/v1${path}`, { headers: { "X-Session-ID": "fixture" } })).body);
  }
  return bodies;
}

/** Without what changes with the time. */
function lasting(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (name, field) => (FLEETING.has(name) ? undefined : field));
}

test("there is a fixture of every schema but the one that is being worked on", () => {
  const released = MIGRATIONS.map(({ version }) => `schema-${version}`);
  expect([released, released.slice(0, -1)]).toContainEqual(releases.toSorted());
});

describe.each(releases)("%s", (release) => {
  test.each(statesOf(release))("a directory that was %s", async (state) => {
    const expected = await answersOf(release);
    const fixture = await unpack(release, state);
    const { engine, me } = fixture;
    const worlds: Release["worlds"] = contentOf(
      await engine.worlds(me, { archived: true, counts: true }, JSON_WANTED),
    );
    expect(worlds).toMatchObject(expected.worlds);
    expect(await replayAll(fixture, worlds)).toEqual(expected.atoms);
    for (const { world, text, ids } of expected.answers) {
      const answer: { supporting_atoms: Atom[] } = contentOf(
        await engine.ask(me, { world, text }, JSON_WANTED),
      );
      expect(answer.supporting_atoms[0]?.id).toBe(ids[0]);
    }
    expect(lasting(await readMemory(fixture, expected))).toMatchObject(
      lasting(expected.memory?.map(({ body }) => body) ?? []) as object[],
    );
    const keys = (await engine.loadKeys()).map(({ sha256: _, ...view }) => view);
    expect(keys).toMatchObject(expected.keys ?? []);
    // and it goes on
    const { id: _, ...again } = expected.atoms.find(({ world }) => world === "home")!;
    const { vector: __, ...atom } = again;
    const made: string = contentOf(await engine.remember(me, atom, { relaxed: false }, JSON_WANTED));
    expect((await fixture.get(made)).payload_json).toBe(atom.payload_json);
    await fixture.finish();
  });

  test.each(["stopped", "killed"])("a directory that was %s is encrypted as it lies", async (state) => {
    const expected = await answersOf(release);
    const { dataDir } = await unpacked(release, state);
    rekeyStore(dataDir, KEYRING.wanted, { keyring: { keys: KEYRING.keys } });
    const fixture = fixtureWith(KEYRING);
    Object.assign(fixture, { dataDir });
    await fixture.start();
    expect(await replayAll(fixture, expected.worlds)).toEqual(expected.atoms);
    await fixture.finish();
  });

  test.each(["stopped", "killed"])(
    "a directory that was %s is repaired without its first page",
    async (state) => {
      const expected = await answersOf(release);
      const fixture = await unpacked(release, state);
      const { database } = layout(fixture.dataDir);
      writeFileSync(database, readFileSync(database).fill(0, 0, LIMITS.pageSize));
      expect(repairStore(fixture.dataDir)).toMatchObject({ whole: false, lost: [], unnamed: 0, notes: [] });
      await fixture.start();
      expect(await replayAll(fixture, expected.worlds)).toEqual(expected.atoms);
      await fixture.finish();
    },
  );
});
