import type { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Atom, KINDS, type NewAtom } from "../../src/atom/mod.ts";
import { bytesToId, Fault, LIMITS, ManualClock } from "../../src/base/mod.ts";
import {
  atomOf,
  type CheckReport,
  checkStore,
  findAtom,
  forgetAtom,
  insertAtom,
  type Job,
  keyringOf,
  manageWorld,
  StoreReader,
  StoreWriter,
  type SubjectVersion,
  setPolicy,
  type WriterOptions,
} from "../../src/storage/mod.ts";

export const DAY = 24 * 3600 * 1000;

/** A key, and the wish that the store be encrypted by it. */
export const KEYRING = keyringOf({ DWBASE_KEY_TEST: "5e".repeat(32) }, "TEST");

/** A valid atom of the world "home"; a string is its text. */
export function note(given: string | Partial<NewAtom>): NewAtom {
  const atom = typeof given === "string" ? { payload_json: JSON.stringify({ text: given }) } : given;
  return { world: "home", worker: "ann", kind: KINDS[0], payload_json: "{}", ...atom };
}

/** The fault that `act` must throw. */
export function faultOf(act: () => unknown): Fault {
  try {
    act();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

export function tempDir(): string {
  return mkdtempSync(join(tmpdir(), "dwbase-storage-"));
}

/** A data directory under test with its writer, a reader beside it and time under control. */
export class Store {
  readonly dir: string;
  writer: StoreWriter;
  private openReader: StoreReader | undefined;

  constructor(
    readonly clock = new ManualClock(),
    private readonly options: Omit<WriterOptions, "clock"> = {},
    dir = tempDir(),
  ) {
    this.dir = dir;
    this.writer = this.open();
  }

  private open(): StoreWriter {
    return new StoreWriter(this.dir, { ...this.options, clock: this.clock });
  }

  /** Runs one job in a transaction of its own; throws what it throws. */
  run<T>(job: Job<T>): T {
    const outcome = this.writer.commit([job])[0]!;
    if ("fault" in outcome) throw outcome.fault;
    return outcome.value;
  }

  remember(atom: string | Partial<NewAtom>, subject?: SubjectVersion): string {
    return this.run((ctx) => bytesToId(insertAtom(ctx, note(atom), subject)));
  }

  /** Atoms in one transaction. @returns their ids */
  batch(atoms: (string | Partial<NewAtom>)[]): string[] {
    return this.run((ctx) => atoms.map((atom) => bytesToId(insertAtom(ctx, note(atom)))));
  }

  forget(...ids: string[]): void {
    this.run((ctx) => {
      for (const id of ids) forgetAtom(ctx, findAtom(ctx.db, id)!, "test key");
    });
  }

  policy(world: string, policy: Omit<Parameters<typeof setPolicy>[1], "world">): string {
    this.writer.retainSoon();
    return this.run((ctx) => setPolicy(ctx, { world, ...policy }));
  }

  world(action: "create" | "archive" | "resume" | "delete", world: string): void {
    this.writer.retainSoon();
    this.run((ctx) => manageWorld(ctx, { action, world }));
  }

  /** The writer's own connection, for faults that come from below. */
  get db(): Database {
    return this.run((ctx) => ctx.db);
  }

  get reader(): StoreReader {
    this.openReader ??= new StoreReader(this.dir, undefined, this.options.keyring);
    return this.openReader;
  }

  read<T>(work: (reader: StoreReader) => T): T {
    const { reader } = this;
    return reader.snapshot(() => work(reader));
  }

  get(id: string): Atom | undefined {
    return this.read((reader) => {
      const row = reader.atomById(id);
      return row && atomOf(row, reader.worldOf(row.world)!.name);
    });
  }

  /** Payloads of a world in log order, page by page. */
  replay(world = "home", limit: number = LIMITS.replayAtoms): string[] {
    return this.read((reader) => {
      const row = reader.world(world);
      const out: string[] = [];
      let after: number | undefined = row ? 0 : undefined;
      while (after !== undefined) {
        const page = reader.replay(row!, {}, after, limit, (atom) => Buffer.from(atom.payload));
        for (const bytes of page.atoms) out.push(Buffer.from(bytes).toString());
        after = page.next;
      }
      return out;
    });
  }

  /** Worlds as users see them. */
  worlds(): string[] {
    return this.read((reader) => [...reader.worlds()].map((world) => world.name));
  }

  /** Lets node time pass with the maintenance at work, the node being idle or not. */
  pass(ms: number, idle = true): void {
    const end = this.clock.monotonic() + ms;
    while (this.clock.monotonic() < end) {
      const wait = this.writer.maintain(idle);
      this.clock.advance(Math.min(Math.max(wait, 1), end - this.clock.monotonic()));
    }
  }

  /** Lets the time go by within which a forget must have become real. */
  purge(): void {
    this.pass(LIMITS.forgetPurgeMs);
  }

  restart(): void {
    this.writer.close();
    this.reopen();
  }

  /** After the writer was closed. */
  reopen(): void {
    this.writer = this.open();
  }

  /** A power cut: the files as they lie on the disk at this moment, opened by another node. */
  crash(): Store {
    const copy = tempDir();
    cpSync(this.dir, copy, { recursive: true });
    const { clock, options } = this;
    this.discard();
    return new Store(clock, options, copy);
  }

  closeReader(): void {
    this.openReader?.close();
    this.openReader = undefined;
  }

  /** The deep check, with the store's key. */
  check(): CheckReport {
    const { keyring } = this.options;
    return checkStore(this.dir, keyring ? { deep: true, keyring } : { deep: true });
  }

  /** Closes the store, which must be in order. */
  finish(): void {
    this.writer.close();
    this.closeReader();
    const { findings } = this.check();
    expect(findings).toEqual([]);
    rmSync(this.dir, { recursive: true });
  }

  /** Ends a store whose state does not matter any more. */
  discard(): void {
    this.closeReader();
    this.writer.close();
    rmSync(this.dir, { recursive: true });
  }
}

/** Runs a test on a new store, and again on an encrypted one; each must be in order at the end. */
export function withStore(body: (store: Store) => void, options: Omit<WriterOptions, "clock"> = {}): void {
  withPlainStore(body, options);
  withPlainStore(body, { ...options, keyring: KEYRING });
}

/** Runs a test on a new store, which must be in order at the end: for what is said of bytes that are not encrypted. */
export function withPlainStore(
  body: (store: Store) => void,
  options: Omit<WriterOptions, "clock"> = {},
): void {
  const store = new Store(new ManualClock(), options);
  try {
    body(store);
  } catch (error) {
    store.discard();
    throw error;
  }
  store.finish();
}

/** Those of the byte strings that some file of a data directory holds. */
export function foundIn<T extends string | Uint8Array>(dir: string, needles: readonly T[]): T[] {
  const files = readdirSync(dir).map((name) => readFileSync(join(dir, name)));
  return needles.filter((needle) => files.some((bytes) => bytes.includes(needle)));
}
