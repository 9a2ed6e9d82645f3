import { createReadStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";
import { extract, pack } from "tar-stream";
import { Fault, fileFault, LIMITS, MB } from "../base/mod.ts";
import { encodeMetadata, METADATA_PATH, type Metadata, parseMetadata } from "./metadata.ts";
import { encodeSeal } from "./seal.ts";
import type { ArchiveSink } from "./sink.ts";

/** zstd's own default: more costs a Pi minutes and gains a few percent. */
const LEVEL = 3;
/** The largest window that is made room for in reading: 8 MB; ours is 2 MB. */
const WINDOW_LOG = 23;
const CHUNK = 256 * 1024;
/** Tar's own bytes: heads, padding, blocks of zeros. */
const SLACK_BYTES = MB;

export type Progress = (done: number, total: number) => void;

/** A tar of the metadata and one file, compressed, into `sink`, with the seal behind it. */
export async function writeArchive(
  sink: ArchiveSink,
  metadata: Metadata,
  database: string,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const [file] = metadata.files;
  const tar = pack();
  // the pipeline rejects with the reason; what the ends of its streams say after that adds nothing
  tar.on("error", () => {});
  const zstd = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  const fed = feed(tar, metadata, file!, database, progress).catch((cause) => tar.destroy(cause as Error));
  await pipeline(tar, zstd, sink, signal === undefined ? {} : { signal });
  await fed;
  sink.seal(encodeSeal(sink.bytes, sink.digest()));
}

async function feed(
  tar: ReturnType<typeof pack>,
  metadata: Metadata,
  file: Metadata["files"][number],
  database: string,
  progress: Progress,
): Promise<void> {
  const mtime = new Date(metadata.created_at);
  const head = { mode: 0o600, mtime, uid: 0, gid: 0 };
  tar.entry({ ...head, name: METADATA_PATH }, encodeMetadata(metadata));
  const entry = tar.entry({ ...head, name: file.path, size: file.bytes });
  entry.on("error", () => {});
  let done = 0;
  for await (const chunk of createReadStream(database, { highWaterMark: CHUNK })) {
    if (!entry.write(chunk)) await drained(entry, tar);
    // the writing has failed: it says why
    if (tar.destroyed) return;
    done += (chunk as Buffer).length;
    progress(done, file.bytes);
  }
  (entry as NodeJS.WritableStream).end();
  tar.finalize();
}

/** Until the stream takes more, or nobody takes anything any more. */
function drained(entry: NodeJS.EventEmitter, tar: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      entry.off("drain", go);
      tar.off("close", go);
      resolve();
    };
    entry.on("drain", go);
    tar.on("close", go);
  });
}

/** Takes the members of an archive as they come. */
export interface Receiver {
  /** The metadata is known: a chance to refuse before anything is unpacked. */
  begin(metadata: Metadata): void;
  /** Bytes of the database, in order. */
  data(chunk: Uint8Array): void | Promise<void>;
}

/**
 * Reads an archive whose seal was checked: the metadata first, then exactly the files that it lists, with their sizes
 * and hashes. Nothing is kept but what `receiver` keeps, whatever the archive says of itself.
 * @param length bytes before the seal
 * @throws Fault damaged for anything else than such an archive; what `receiver` throws
 */
export async function readArchive(
  path: string,
  length: number,
  receiver: Receiver,
  progress: Progress,
): Promise<Metadata> {
  const source = createReadStream(path, { end: length - 1, highWaterMark: CHUNK });
  const tar = extract();
  const reader = new Members(path, receiver, progress);
  const zstd = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } });
  const piped = pipeline(source, zstd, reader.bound(), tar);
  // it fails with the reading, which says why
  piped.catch(() => {});
  try {
    for await (const entry of tar) await reader.take(entry as Entry);
    await piped;
  } catch (cause) {
    throw cause instanceof Fault ? cause : readFault(path, cause);
  }
  return reader.finish();
}

/** What an archive says of itself, read no further than that. @throws Fault as `readArchive` */
export async function readMetadata(path: string, length: number): Promise<Metadata> {
  const enough = new Error("the metadata is known");
  let found: Metadata | undefined;
  const begin = (metadata: Metadata): void => {
    found = metadata;
    throw enough;
  };
  try {
    return await readArchive(path, length, { begin, data: () => {} }, () => {});
  } catch (cause) {
    if (found) return found;
    throw cause;
  }
}

/** A member of a tar stream; the types of the library say less than it gives. */
interface Entry extends AsyncIterable<Buffer> {
  header: { name: string; type?: string | null; size?: number };
}

class Members {
  private metadata: Metadata | undefined;
  private seen = false;

  /** Bytes that may still come out of the decoder. */
  private left = LIMITS.backupMetadataBytes + SLACK_BYTES;

  constructor(
    private readonly path: string,
    private readonly receiver: Receiver,
    private readonly progress: Progress,
  ) {}

  /** Ends a stream that unpacks to more than the metadata lists (tar reads long headers into memory). */
  bound(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.left -= chunk.length;
        if (this.left < 0) done(this.refused("it unpacks to more than its metadata lists"));
        else done(null, chunk);
      },
    });
  }

  async take(entry: Entry): Promise<void> {
    const { name, type, size = 0 } = entry.header;
    if (type !== "file") throw this.refused(`it holds ${JSON.stringify(name)}, which is no plain file`);
    if (this.metadata === undefined) await this.takeMetadata(entry, name, size);
    else await this.takeFile(entry, name, size, this.metadata);
  }

  private async takeMetadata(entry: Entry, name: string, size: number): Promise<void> {
    if (name !== METADATA_PATH)
      throw this.refused(`it begins with ${JSON.stringify(name)}, not ${METADATA_PATH}`);
    if (size > LIMITS.backupMetadataBytes) throw this.refused("its metadata is too large");
    const parts: Buffer[] = [];
    for await (const chunk of entry) parts.push(chunk);
    this.metadata = parseMetadata(Buffer.concat(parts).toString("utf8"));
    this.receiver.begin(this.metadata);
    for (const { bytes } of this.metadata.files) this.left += bytes;
  }

  private async takeFile(entry: Entry, name: string, size: number, metadata: Metadata): Promise<void> {
    const listed = metadata.files.find((file) => file.path === name);
    if (!listed) throw this.refused(`it holds ${JSON.stringify(name)}, which its metadata does not list`);
    if (this.seen) throw this.refused(`it holds ${name} twice`);
    this.seen = true;
    if (size !== listed.bytes)
      throw this.refused(`${name} has ${size} bytes, its metadata says ${listed.bytes}`);
    const hash = new Bun.CryptoHasher("sha256");
    let done = 0;
    for await (const chunk of entry) {
      hash.update(chunk);
      await this.receiver.data(chunk);
      done += chunk.length;
      this.progress(done, listed.bytes);
    }
    if (done !== listed.bytes) throw this.refused(`${name} ends too soon`);
    if (hash.digest("hex") !== listed.sha256) throw this.refused(`${name} does not fit its hash`);
  }

  finish(): Metadata {
    if (!this.metadata) throw this.refused("it is empty");
    if (!this.seen) throw this.refused(`${this.metadata.files[0]?.path} is missing`);
    return this.metadata;
  }

  private refused(why: string): Fault {
    return new Fault("damaged", `${this.path} cannot be used: ${why}; take another backup`, {
      op: "read backup",
    });
  }
}

/** What the decoders say of bytes that are none of theirs. */
function readFault(path: string, cause: unknown): Fault {
  if (cause instanceof Error && "syscall" in cause) return fileFault("read", path, cause);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Fault("damaged", `${path} cannot be unpacked (${reason}); take another backup`, { cause });
}
