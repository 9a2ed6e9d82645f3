import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { writeArchive } from "../../src/backup/archive.ts";
import { describe } from "../../src/backup/metadata.ts";
import { encodeSeal, SEAL_BYTES } from "../../src/backup/seal.ts";
import { PipeSink } from "../../src/backup/sink.ts";
import { verifyArchive } from "../../src/backup/verify.ts";
import { mutated } from "./mutate.ts";
import { type Target, target } from "./target.ts";

const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest();

function sealed(content: Uint8Array): Uint8Array {
  return Buffer.concat([content, encodeSeal(content.length, sha256(content))]);
}

function compressed(tar: Uint8Array): Uint8Array {
  return zstdCompressSync(tar, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
}

/** A small archive. */
async function wholeArchive(dir: string): Promise<Uint8Array> {
  const database = join(dir, "database");
  const bytes = Buffer.from("a database of few bytes ".repeat(40));
  writeFileSync(database, bytes);
  const facts = { nodeId: "node", schemaVersion: 1, keyId: null, atoms: 1, worlds: 1 };
  const file = { bytes: bytes.length, sha256: sha256(bytes).toHex() };
  const parts: Uint8Array[] = [];
  const sink = new PipeSink((part) => parts.push(Uint8Array.from(part)));
  await writeArchive(sink, describe(facts, file, [], 0), database, () => {});
  return Buffer.concat(parts);
}

/** Changes the file, what lies under a seal that fits, and the tar inside the compression. */
export async function archive(): Promise<Target> {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-fuzz-"));
  const path = join(dir, "archive");
  const whole = await wholeArchive(dir);
  const content = whole.subarray(0, -SEAL_BYTES);
  const tar = zstdDecompressSync(content);
  // far more than it says of itself comes out of few bytes
  const bomb = Buffer.concat([tar.subarray(0, -1024), Buffer.alloc(8_000_000)]);
  return target<Uint8Array>({
    name: "archive",
    cases: fc.oneof(
      mutated([whole]),
      mutated([content]).map(sealed),
      { weight: 2, arbitrary: mutated([tar]).map((bytes) => sealed(compressed(bytes))) },
      { weight: 1, arbitrary: fc.constant(sealed(compressed(bomb))) },
    ),
    refusals: ["damaged"],
    async run(bytes) {
      writeFileSync(path, bytes);
      await verifyArchive(path);
    },
    close: () => rmSync(dir, { recursive: true }),
  });
}
