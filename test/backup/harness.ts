import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { pack } from "tar-stream";
import { createArchive, type Metadata } from "../../src/backup/mod.ts";
import { encodeSeal } from "../../src/backup/seal.ts";
import { layout, MB } from "../../src/base/mod.ts";
import { storeFacts } from "../../src/storage/mod.ts";
import { note, Store } from "../storage/harness.ts";

/** The command that runs the program from source. */
export const SELF = [process.execPath, resolve(import.meta.dir, "../../src/main.ts")];
export const QUIET = (): void => {};

/** A directory that is removed at the end of the test file. */
export class Scratch {
  readonly dir = mkdtempSync(join(tmpdir(), "dwbase-backup-"));

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A closed store with some atoms; the caller's directory holds it. */
export function makeStore(dir: string, texts: string[]): void {
  const store = new Store(undefined, {}, dir);
  store.batch(texts.map((text) => note(text)));
  store.writer.close();
  store.closeReader();
}

export function textsOf(dir: string): string[] {
  const store = new Store(undefined, {}, dir);
  try {
    return store.replay().map((payload) => JSON.parse(payload).text);
  } finally {
    store.writer.close();
    store.closeReader();
  }
}

export async function archive(dataDir: string, out: string): Promise<Metadata> {
  const made = await createArchive({
    dataDir,
    out,
    diskBudget: 1000 * MB,
    index: async () => [],
    report: QUIET,
    self: SELF,
  });
  return made.metadata;
}

/** Files of a directory with a digest of each, to show that nothing changed. */
export function digestOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return `${path} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
    })
    .sort();
}

export interface Member {
  name: string;
  content?: Uint8Array | string;
  type?: "file" | "symlink" | "link" | "directory" | "character-device";
  linkname?: string;
}

/** An archive of any members, compressed and sealed as ours are. */
export async function forge(path: string, members: Member[]): Promise<void> {
  const tar = pack();
  for (const { name, content = "", type = "file", linkname } of members) {
    const head = { name, type, mode: 0o600, ...(linkname === undefined ? {} : { linkname }) };
    if (type === "file") tar.entry(head, Buffer.from(content as Uint8Array));
    else tar.entry({ ...head, size: 0 }).end(Buffer.alloc(0));
  }
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  sealed(path, zstdCompressSync(Buffer.concat(parts), { params: { [constants.ZSTD_c_checksumFlag]: 1 } }));
}

/** Writes bytes with the seal that fits them. */
export function sealed(path: string, bytes: Uint8Array): void {
  const digest = createHash("sha256").update(bytes).digest();
  writeFileSync(path, Buffer.concat([bytes, encodeSeal(bytes.length, digest)]));
}

/** The metadata of a database file, as an honest archive of it would have. */
export function metadataOf(dataDir: string, change: Record<string, unknown> = {}): string {
  const bytes = readFileSync(layout(dataDir).database);
  const facts = storeFacts(layout(dataDir));
  return JSON.stringify({
    format_version: 1,
    created_at: "2026-01-01T00:00:00.000Z",
    node_id: facts.nodeId,
    dwbase_version: "0.1.0",
    schema_version: facts.schemaVersion,
    counts: { atoms: facts.atoms, worlds: facts.worlds },
    files: [
      {
        path: "data/dwbase.db",
        bytes: bytes.length,
        sha256: createHash("sha256").update(bytes).digest("hex"),
      },
    ],
    index: [],
    ...change,
  });
}
