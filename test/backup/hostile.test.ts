/** Archives made to do harm: each is refused, and the target stays as it was. */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants, createZstdCompress, zstdCompressSync } from "node:zlib";
import { restoreArchive } from "../../src/backup/mod.ts";
import { Fault, layout } from "../../src/base/mod.ts";
import { digestOf, forge, type Member, makeStore, metadataOf, QUIET, Scratch, sealed } from "./harness.ts";

const scratch = new Scratch();
const target = scratch.path("target");
const source = scratch.path("source");
const file = scratch.path("hostile.tzst");

beforeAll(() => {
  makeStore(target, ["mine"]);
  makeStore(source, ["theirs"]);
});
afterAll(() => scratch.remove());

const database = (): Buffer => readFileSync(layout(source).database);
const metadata = (change?: Record<string, unknown>): Member => ({
  name: "metadata.json",
  content: metadataOf(source, change),
});
const data = (): Member => ({ name: "data/dwbase.db", content: database() });

async function refuse(): Promise<Fault> {
  const before = digestOf(target);
  const error = await restoreArchive({
    input: file,
    dataDir: target,
    force: true,
    clone: false,
    report: QUIET,
  }).then(
    () => undefined,
    (cause) => cause,
  );
  expect(error).toBeInstanceOf(Fault);
  expect(digestOf(target)).toEqual(before);
  expect(existsSync(layout(target).restoring)).toBe(false);
  return error;
}

/** A file of another program, as SQLite. */
function foreign(): Buffer {
  const path = scratch.path("foreign.db");
  const db = new Database(path, { create: true });
  db.run("CREATE TABLE t(a)");
  db.close();
  return readFileSync(path);
}

function listing(content: Buffer, change: Record<string, unknown> = {}): Record<string, unknown> {
  const sha256 = new Bun.CryptoHasher("sha256").update(content).digest("hex");
  return { files: [{ path: "data/dwbase.db", bytes: content.length, sha256, ...change }] };
}

const HOSTILE: Record<string, () => Member[]> = {
  "path traversal": () => [metadata(), data(), { name: "data/../../etc/cron.d/x", content: "x" }],
  "an absolute path": () => [metadata(), data(), { name: "/etc/passwd", content: "x" }],
  "a listed path outside": () => [
    metadata({ files: [{ path: "../dwbase.db", bytes: 1, sha256: "0".repeat(64) }] }),
    { name: "../dwbase.db", content: "x" },
  ],
  "a symbolic link": () => [metadata(), { name: "data/dwbase.db", type: "symlink", linkname: "/etc/shadow" }],
  "a hard link": () => [metadata(), { name: "data/dwbase.db", type: "link", linkname: "/etc/shadow" }],
  "a device": () => [metadata(), { name: "data/dwbase.db", type: "character-device" }],
  "a directory": () => [metadata(), { name: "data/dwbase.db", type: "directory" }],
  "a member twice": () => [metadata(), data(), data()],
  "the metadata twice": () => [metadata(), metadata(), data()],
  "an unlisted member": () => [metadata(), data(), { name: "secrets/admin.key", content: "k" }],
  "no metadata first": () => [data(), metadata()],
  "no database": () => [metadata()],
  "nothing at all": () => [],
  "a wrong hash": () => [metadata(listing(database(), { sha256: "0".repeat(64) })), data()],
  "a wrong size": () => [metadata(listing(database(), { bytes: 5 })), data()],
  "a newer format": () => [metadata({ format_version: 2 }), data()],
  "a newer schema": () => [metadata({ schema_version: 99 }), data()],
  "other counts": () => [metadata({ counts: { atoms: 7, worlds: 1 } }), data()],
  "metadata that is not JSON": () => [{ name: "metadata.json", content: "{" }, data()],
  "metadata of another shape": () => [metadata({ node_id: 7 }), data()],
  "another program's data": () => {
    const content = foreign();
    return [metadata(listing(content)), { name: "data/dwbase.db", content }];
  },
  "no database inside": () => {
    const content = Buffer.from("not a database at all, but with the right hash");
    return [metadata(listing(content)), { name: "data/dwbase.db", content }];
  },
  "an empty database": () => [metadata(listing(Buffer.alloc(0))), { name: "data/dwbase.db", content: "" }],
  "a torn page": () => {
    const content = database();
    content.fill(0xff, 4096, 6000);
    return [metadata(listing(content)), { name: "data/dwbase.db", content }];
  },
};

describe("an archive with", () => {
  test.each(Object.entries(HOSTILE))("%s is refused", async (_, members) => {
    await forge(file, members());
    expect(["damaged", "storage_error"]).toContain((await refuse()).code);
  });

  test("more than the volume can take is refused before anything is unpacked", async () => {
    await forge(file, [metadata(listing(database(), { bytes: 2 ** 50 })), data()]);
    expect((await refuse()).code).toBe("disk_full");
  });

  test("a bomb behind honest metadata ends where its listing ends", async () => {
    await forge(file, [metadata(), data(), { name: "bomb", content: Buffer.alloc(64 * 2 ** 20) }]);
    expect((await refuse()).message).toMatch(/unpacks to more|does not list/);
  });

  test("random bytes under a right seal is refused", async () => {
    sealed(file, crypto.getRandomValues(new Uint8Array(5000)));
    expect((await refuse()).code).toBe("damaged");
    sealed(file, zstdCompressSync(crypto.getRandomValues(new Uint8Array(5000))));
    expect((await refuse()).code).toBe("damaged");
  });

  test("a window that asks for much memory is refused", async () => {
    const zstd = createZstdCompress({
      params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_checksumFlag]: 1 },
    });
    const parts: Buffer[] = [];
    zstd.on("data", (part: Buffer) => parts.push(part));
    await new Promise((resolve) => zstd.on("end", resolve).end(Buffer.alloc(2 ** 20)));
    sealed(file, Buffer.concat(parts));
    expect((await refuse()).message).toContain("too much memory");
  });

  test("half of its bytes is refused", async () => {
    await forge(file, [metadata(), data()]);
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    expect((await refuse()).code).toBe("damaged");
    // cut, and sealed again by somebody who knows how
    sealed(file, whole.subarray(0, whole.length / 2));
    expect((await refuse()).code).toBe("damaged");
  });

  test("nothing wrong is taken, as a check of these tests", async () => {
    await forge(file, [metadata(), data()]);
    const dataDir = scratch.path("fresh", "deep");
    const { nodeId } = await restoreArchive({
      input: file,
      dataDir,
      force: false,
      clone: false,
      report: QUIET,
    });
    expect(nodeId).toBe(JSON.parse(metadataOf(source)).node_id);
    mkdirSync(scratch.path("fresh"), { recursive: true });
  });
});
