import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { ENOSPC, FaultyDisk } from "./faults.ts";
import { atomOf, deepCheck, hashFiles, run, scratch, suite, TestNode } from "./harness.ts";
import { mayMount, mount, unmount } from "./volumes.ts";

interface Refusal {
  code: number;
  /** What the sentence must name. */
  names: string[];
}

const serveAt = (dir: string, ...more: string[]): string[] => [
  "serve",
  "--listen",
  "127.0.0.1:0",
  "--data-dir",
  dir,
  ...more,
];

/** The start fails with one sentence and the right code, and changes nothing under `dir`. */
async function refuses(
  args: string[],
  { code, names }: Refusal,
  dir: string,
  env: Record<string, string> = {},
): Promise<void> {
  const before = hashFiles(dir);
  const ran = await run(args, { env });
  const lines = ran.err.trim().split("\n");
  expect([args.join(" "), ran.code, lines.length, ran.err]).toEqual([args.join(" "), code, 1, ran.err]);
  expect(lines[0]).toStartWith("dwbase: ");
  expect(ran.err).not.toMatch(/\bat .*:\d+:\d+|SQLITE_|undefined|\[object/);
  for (const name of names) expect(ran.err).toContain(name);
  expect(hashFiles(dir)).toEqual(before);
}

/** A data directory of a stopped node that remembers something. */
async function usedDir(): Promise<string> {
  const dir = join(scratch(), "data");
  const node = await TestNode.start({ dir });
  await node.remember(atomOf("something"));
  await node.stop();
  return dir;
}

function sql(path: string, ...statements: string[]): void {
  const db = new Database(path);
  for (const statement of statements) db.run(statement);
  db.close();
}

suite("a start that cannot be", () => {
  test("a port that is taken", async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port));
    });
    const dir = await usedDir();
    const args = ["serve", "--listen", `127.0.0.1:${port}`, "--data-dir", dir];
    await refuses(args, { code: 1, names: [`127.0.0.1:${port}`, "node.listen"] }, dir);
    taken.close();
    await deepCheck(dir);
  });

  test("a port of another node: the first one goes on", async () => {
    const node = await TestNode.start();
    const dir = await usedDir();
    const args = ["serve", "--listen", `127.0.0.1:${node.port}`, "--data-dir", dir];
    await refuses(args, { code: 1, names: [`127.0.0.1:${node.port}`] }, dir);
    await node.remember(atomOf("still here"));
    await node.stop();
    await deepCheck(node.dir);
  });

  test("an address of another machine", async () => {
    const dir = await usedDir();
    await refuses(
      ["serve", "--listen", "192.0.2.1:8080", "--data-dir", dir],
      { code: 2, names: ["192.0.2.1"] },
      dir,
      // else a key would be made first
      { DWBASE_NODE_SECURITY_ALLOW_ANONYMOUS: "always" },
    );
  });

  test("a second node on the same directory", async () => {
    const dir = await usedDir();
    const node = await TestNode.start({ dir });
    await refuses(serveAt(dir), { code: 1, names: [dir, "another dwbase"] }, dir);
    await node.remember(atomOf("the first goes on"));
    expect((await node.replay("home")).length).toBe(2);
    await node.kill();
    // the lock dies with its holder
    const again = await TestNode.start({ dir });
    await again.stop();
    await deepCheck(dir);
  });

  test("a data directory that is a file", async () => {
    const parent = scratch();
    const path = join(parent, "data");
    writeFileSync(path, "not a directory");
    await refuses(serveAt(path), { code: 1, names: [path] }, parent);
    await refuses(serveAt(join(path, "below")), { code: 1, names: [path] }, parent);
  });

  test("garbage, another program's database, a newer schema", async () => {
    const garbage = scratch();
    writeFileSync(join(garbage, "dwbase.db"), "These are no pages.".repeat(1000));
    await refuses(serveAt(garbage), { code: 6, names: ["dwbase.db", "not a database"] }, garbage);

    const foreign = scratch();
    sql(join(foreign, "dwbase.db"), "CREATE TABLE bookmarks(url)", "INSERT INTO bookmarks VALUES('a')");
    await refuses(serveAt(foreign), { code: 1, names: ["dwbase.db", "another program"] }, foreign);

    const branded = scratch();
    sql(join(branded, "dwbase.db"), "PRAGMA application_id=7", "CREATE TABLE t(x)");
    await refuses(serveAt(branded), { code: 1, names: ["another program"] }, branded);

    const newer = await usedDir();
    sql(join(newer, "dwbase.db"), "PRAGMA user_version=9999");
    await refuses(serveAt(newer), { code: 1, names: ["9999", "newer"] }, newer);
  });

  test("a damaged configuration names file, line and key", async () => {
    const dir = await usedDir();
    const files: [text: string, names: string[]][] = [
      ["[node\nlisten = 1", ["bad.toml:1:"]],
      ['[node]\nlisten = "127.0.0.1:0"\nlisen = "x"', ["lisen", "3"]],
      ["[node]\nlisten = 8080", ["listen", "2"]],
      ["[node.health]\ndisk_usage_degraded = 7", ["disk_usage_degraded"]],
      ['[node]\nembedder = "magic"', ["embedder", "static"]],
      ["\u0000\u0001", []],
      ["x = '''", []],
    ];
    for (const [text, names] of files) {
      const path = join(scratch(), "bad.toml");
      writeFileSync(path, text);
      await refuses(
        ["serve", "--config", path, "--data-dir", dir],
        { code: 2, names: ["bad.toml", ...names] },
        dir,
      );
    }
    await refuses(
      ["serve", "--config", "/nowhere/x.toml", "--data-dir", dir],
      { code: 2, names: ["/nowhere/x.toml"] },
      dir,
    );
    await refuses(["serve", "--lisen", "x"], { code: 2, names: ["lisen"] }, dir);
    await refuses(
      ["serve", "--listen", "127.0.0.1:http", "--data-dir", dir],
      { code: 2, names: ["http"] },
      dir,
    );
  });

  test("a disk without space for the first page", async () => {
    const disk = FaultyDisk.make("*");
    const dir = await usedDir();
    disk.set({ writeErrno: ENOSPC });
    const { code, err } = await run(serveAt(join(scratch(), "new")), { env: disk.env });
    expect([code, err.trim().split("\n").length]).toEqual([7, 1]);
    expect(err).toContain("full");
    disk.close();
    await deepCheck(dir);
  });

  test.skipIf(!mayMount())("a read-only volume, and one that is full", async () => {
    const dir = await usedDir();
    mount("--bind", dir, dir);
    mount("-o", "remount,bind,ro", dir);
    try {
      await refuses(serveAt(dir), { code: 1, names: [dir] }, dir);
      await refuses(serveAt(join(dir, "below")), { code: 1, names: [dir, "read-only"] }, dir);
    } finally {
      unmount(dir);
    }
    const volume = scratch();
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", volume);
    try {
      writeFileSync(join(volume, "filler"), new Uint8Array(1024 * 1024));
      const { code, err } = await run(serveAt(join(volume, "data")));
      expect([code, err.trim().split("\n").length]).toEqual([7, 1]);
      expect(err).toContain("full");
    } finally {
      unmount(volume);
    }
    await deepCheck(dir);
  });

  test.skipIf(process.getuid?.() === 0)("a directory that may not be written", async () => {
    const parent = scratch();
    mkdirSync(join(parent, "data"));
    chmodSync(join(parent, "data"), 0o500);
    await refuses(serveAt(join(parent, "data")), { code: 1, names: ["data", "permission"] }, parent);
  });
});
