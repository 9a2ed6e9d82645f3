/** Data directories as released versions left them: every later build opens them, and they hold what they held. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Atom } from "../../src/atom/mod.ts";
import { LIMITS, layout } from "../../src/base/mod.ts";
import { rekeyStore, repairStore } from "../../src/storage/mod.ts";
import { KEYRING } from "../storage/harness.ts";
import { contentOf, Fixture, JSON_WANTED } from "./harness.ts";

const STORES = join(import.meta.dir, "../fixtures/stores");

interface Release {
  worlds: { name: string; atoms: number; archived: boolean; description: string; labels: string[] }[];
  atoms: Atom[];
  answers: { world: string; text: string; ids: string[] }[];
}

const releases = readdirSync(STORES)
  .filter((name) => name.endsWith(".tar.gz"))
  .map((name) => name.replace(".tar.gz", ""));

async function unpack(release: string, state: string): Promise<Fixture> {
  const fixture = await unpacked(release, state);
  await fixture.start();
  return fixture;
}

/** A directory as the release left it, not opened yet. */
async function unpacked(release: string, state: string): Promise<Fixture> {
  const fixture = new Fixture();
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

describe.each(releases)("%s", (release) => {
  test.each(["stopped", "killed"])("a directory that was %s", async (state) => {
    const expected: Release = await Bun.file(join(STORES, `${release}.json`)).json();
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
    // and it goes on
    const { id: _, ...again } = expected.atoms.find(({ world }) => world === "home")!;
    const { vector: __, ...atom } = again;
    const made: string = contentOf(await engine.remember(me, atom, { relaxed: false }, JSON_WANTED));
    expect((await fixture.get(made)).payload_json).toBe(atom.payload_json);
    await fixture.finish();
  });

  test.each(["stopped", "killed"])("a directory that was %s is encrypted as it lies", async (state) => {
    const expected: Release = await Bun.file(join(STORES, `${release}.json`)).json();
    const { dataDir } = await unpacked(release, state);
    rekeyStore(dataDir, KEYRING.wanted, { keyring: { keys: KEYRING.keys } });
    Fixture.keyring = KEYRING;
    const fixture = new Fixture();
    Fixture.keyring = { keys: {} };
    Object.assign(fixture, { dataDir });
    await fixture.start();
    expect(await replayAll(fixture, expected.worlds)).toEqual(expected.atoms);
    await fixture.finish();
  });

  test.each(["stopped", "killed"])(
    "a directory that was %s is repaired without its first page",
    async (state) => {
      const expected: Release = await Bun.file(join(STORES, `${release}.json`)).json();
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
