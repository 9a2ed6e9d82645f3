import { closeSync } from "node:fs";
import { Writable } from "node:stream";
import { fileCalls, fileFault } from "../base/mod.ts";
import type { Kernel } from "./kernel.ts";
import { Pace } from "./pace.ts";

/** Where an archive goes: a stream that is counted and hashed, and sealed at its end. */
export interface ArchiveSink extends Writable {
  readonly bytes: number;
  /** SHA-256 of what was written; once. */
  digest(): Uint8Array;
  /** Appends bytes that the digest does not cover. */
  seal(bytes: Uint8Array): void;
}

/** A pipe to somebody else, who takes care of the bytes. */
export class PipeSink extends Writable implements ArchiveSink {
  bytes = 0;
  private readonly hash = new Bun.CryptoHasher("sha256");

  constructor(private readonly out: (bytes: Uint8Array) => void) {
    super({ autoDestroy: false });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    try {
      this.out(chunk);
      this.hash.update(chunk);
      this.bytes += chunk.length;
      done();
    } catch (cause) {
      done(cause as Error);
    }
  }

  digest(): Uint8Array {
    return this.hash.digest();
  }

  seal(bytes: Uint8Array): void {
    this.out(bytes);
  }
}

/**
 * A file of its own, written out as it grows. `seal` or `sync` has it on the disk; errors are Faults disk_full or
 * storage_error.
 */
export class FileSink extends Writable implements ArchiveSink {
  bytes = 0;
  private readonly hash = new Bun.CryptoHasher("sha256");
  private readonly fd: number;
  private readonly pace: Pace;
  private open = true;

  /** @param path where; created for the owner alone, and must not be there @param hurry nobody else needs the device */
  constructor(
    readonly path: string,
    kernel: Kernel,
    private readonly hurry = false,
  ) {
    // the seal comes after the end of the stream
    super({ autoDestroy: false });
    this.fd = attempt("create", path, () => fileCalls.openSync(path, "wx", 0o600));
    this.pace = new Pace(kernel, this.fd);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.put(chunk).then(() => done(), done);
  }

  /** Writes past the stream. */
  async put(chunk: Uint8Array): Promise<void> {
    attempt("write", this.path, () => {
      for (let at = 0; at < chunk.length; ) at += fileCalls.writeSync(this.fd, chunk, at);
    });
    this.hash.update(chunk);
    this.bytes += chunk.length;
    await this.pace.wrote(this.bytes, this.hurry);
  }

  digest(): Uint8Array {
    return this.hash.digest();
  }

  seal(bytes: Uint8Array): void {
    attempt("write", this.path, () => {
      for (let at = 0; at < bytes.length; ) at += fileCalls.writeSync(this.fd, bytes, at);
    });
    this.sync();
  }

  sync(): void {
    attempt("sync", this.path, () => fileCalls.fsyncSync(this.fd));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.open) closeSync(this.fd);
    this.open = false;
    done(error);
  }
}

function attempt<T>(op: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw fileFault(op, path, cause);
  }
}
