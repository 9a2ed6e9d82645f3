import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "./harness.ts";

const SOURCE = join(import.meta.dir, "preload", "record.c");
const OPS = ["", "write", "truncate", "sync", "unlink", "rename"] as const;
const ENTRY_BYTES = 32;

/** One recorded call. */
export interface Call {
  op: (typeof OPS)[number];
  path: string;
  /** Offset of a write, new size of a truncation. */
  at: number;
  /** What was written; of a rename the new path. */
  data: Buffer;
  /** Monotonic time when it was done, ms. */
  ms: number;
}

/** Records what a node writes through libc to the files of one directory. */
export class Recorder {
  private constructor(
    readonly env: Record<string, string>,
    private readonly log: string,
    private readonly counter: string,
  ) {}

  /** Compiles the library. @param paths pattern of the files that are recorded */
  static make(paths: string): Recorder {
    const dir = scratch();
    const library = join(dir, "record.so");
    const [log, counter] = [join(dir, "log"), join(dir, "count")];
    const flags = ["-O1", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-lpthread"];
    const built = Bun.spawnSync(["gcc", ...flags]);
    if (!built.success) throw new Error(`gcc failed: ${built.stderr.toString()}`);
    writeFileSync(counter, new Uint8Array(8));
    const env = { LD_PRELOAD: library, RECORD_LOG: log, RECORD_COUNT: counter, RECORD_PATHS: paths };
    return new Recorder(env, log, counter);
  }

  /** Calls recorded so far. */
  count(): number {
    return Number(readFileSync(this.counter).readBigUInt64LE());
  }

  calls(): Call[] {
    const bytes = readFileSync(this.log);
    const calls: Call[] = [];
    for (let from = 0; from < bytes.length; ) {
      const text = bytes.readUInt32LE(from + 4);
      const data = from + ENTRY_BYTES + text;
      const end = data + Number(bytes.readBigUInt64LE(from + 16));
      calls.push({
        op: OPS[bytes.readUInt32LE(from)]!,
        path: bytes.toString("utf8", from + ENTRY_BYTES, data),
        at: Number(bytes.readBigUInt64LE(from + 8)),
        data: bytes.subarray(data, end),
        ms: Number(bytes.readBigUInt64LE(from + 24)) / 1e6,
      });
      from = end;
    }
    return calls;
  }
}

/** A file that grows in place. */
class Image {
  private bytes = Buffer.alloc(64 * 1024);
  size = 0;

  apply({ op, at, data }: Call, length = data.length): void {
    if (op === "truncate") this.resize(at);
    else {
      this.resize(Math.max(this.size, at + length));
      this.bytes.set(data.subarray(0, length), at);
    }
  }

  private resize(size: number): void {
    if (size > this.bytes.length) {
      const larger = Buffer.alloc(Math.max(size, this.bytes.length * 2));
      this.bytes.copy(larger, 0, 0, this.size);
      this.bytes = larger;
    }
    if (size < this.size) this.bytes.fill(0, size, this.size);
    this.size = size;
  }

  copy(): Image {
    const copy = new Image();
    copy.bytes = Buffer.from(this.bytes);
    copy.size = this.size;
    return copy;
  }

  content(): Buffer {
    return this.bytes.subarray(0, this.size);
  }
}

interface File {
  /** As the last sync left it. */
  durable: Image;
  /** Calls since then: each may have reached the disk or not. */
  open: Call[];
}

/** What becomes of the calls that no sync covers: which of them arrive, and how much of the one that was under way. */
export interface Cut {
  arrives(index: number, count: number): boolean;
  /** The last call is cut to a multiple of this many bytes; 0 = it is whole. */
  tear: number;
}

/** The disk of a recorded node: calls are played in order, and at any moment the power may be cut. */
export class Disk {
  private files = new Map<string, File>();

  play(call: Call): void {
    const { op, path } = call;
    if (op === "unlink") this.files.delete(path);
    else if (op === "rename") {
      const file = this.files.get(path);
      this.files.delete(path);
      if (file) this.files.set(call.data.toString(), file);
    } else if (op === "sync") {
      const file = this.files.get(path);
      for (const open of file?.open.splice(0) ?? []) file!.durable.apply(open);
    } else {
      const file = this.files.get(path) ?? { durable: new Image(), open: [] };
      this.files.set(path, file);
      file.open.push(call);
    }
  }

  /** The files as a power cut would leave them now. */
  cut({ arrives, tear }: Cut): Map<string, Buffer> {
    const left = new Map<string, Buffer>();
    for (const [path, { durable, open }] of this.files) {
      const image = durable.copy();
      open.forEach((call, index) => {
        if (!arrives(index, open.length)) return;
        const last = index === open.length - 1 && call.op === "write" && tear > 0;
        image.apply(call, last ? tornLength(call, tear) : call.data.length);
      });
      left.set(path, image.content());
    }
    return left;
  }
}

/** A write that ends at the boundary of a block in its middle. */
function tornLength({ at, data }: Call, block: number): number {
  const middle = at + data.length / 2;
  return Math.max(0, Math.min(data.length, Math.floor(middle / block) * block - at));
}

/** Everything arrives: what an orderly stop leaves. */
export const WHOLE: Cut = { arrives: () => true, tear: 0 };
