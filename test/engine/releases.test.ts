/** Data directories as released versions left them: every later build opens them, and they hold what they held. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Atom } from "../../src/atom/mod.ts";
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
  await fixture.start();
  return fixture;
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
    const atoms: Atom[] = [];
    for (const { name } of worlds) atoms.push(...(await fixture.replay(name)));
    expect(atoms).toEqual(expected.atoms);
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
});
