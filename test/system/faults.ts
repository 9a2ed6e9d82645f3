import { closeSync, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { scratch } from "./harness.ts";

const SOURCE = join(import.meta.dir, "preload", "faults.c");
/** Fields of `struct faults`, in order. */
const FIELDS = [
  "syncDelayMs",
  "syncErrno",
  "writeErrno",
  "shortWrites",
  "after",
  "failures",
  "truncateErrno",
  "renameErrno",
  "clockShiftS",
  "syncs",
  "made",
] as const;
type Field = (typeof FIELDS)[number];
type Settable = Exclude<Field, "syncs" | "made">;
/** What goes wrong. */
export type Trouble = Partial<Record<Settable, number>>;

export const { EIO, ENOSPC } = constants.errno;

/** A disk that fails when it is told to: faults.c beneath the executable. */
export class FaultyDisk {
  private readonly control: number;

  private constructor(
    /** Environment of the node that is to run on this disk. */
    readonly env: Record<string, string>,
    path: string,
  ) {
    this.control = openSync(path, "r+");
  }

  /** Compiles the library. @param paths pattern of the files that are hit */
  static make(paths: string): FaultyDisk {
    const dir = scratch();
    const library = join(dir, "faults.so");
    const built = Bun.spawnSync(["gcc", "-O1", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"]);
    if (!built.success) throw new Error(`gcc failed: ${built.stderr.toString()}`);
    const control = join(dir, "control");
    writeFileSync(control, new Uint8Array(4 * FIELDS.length));
    return new FaultyDisk({ LD_PRELOAD: library, FAULTS_CONTROL: control, FAULTS_PATHS: paths }, control);
  }

  set(values: Trouble): void {
    for (const [name, value] of Object.entries(values)) {
      writeSync(this.control, new Int32Array([value]), 0, 4, 4 * FIELDS.indexOf(name as Field));
    }
  }

  get(name: Field): number {
    const value = new Int32Array(1);
    readSync(this.control, value, 0, 4, 4 * FIELDS.indexOf(name));
    return value[0]!;
  }

  /** The disk is as good as new. */
  mend(): void {
    this.set({
      syncDelayMs: 0,
      syncErrno: 0,
      writeErrno: 0,
      shortWrites: 0,
      after: 0,
      failures: 0,
      truncateErrno: 0,
      renameErrno: 0,
      clockShiftS: 0,
    });
  }

  close(): void {
    closeSync(this.control);
  }
}
