import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Atom, checkNewAtom, decodeMsgpack, type NewAtom } from "../../src/atom/mod.ts";
import { CAPABILITIES, type Caller } from "../../src/auth/mod.ts";
import { decodeUtf8, MB } from "../../src/base/mod.ts";
import type { ControlCells } from "../../src/control/mod.ts";
import type { EmbedderSettings } from "../../src/embedder/mod.ts";
import {
  type Reply,
  ThreadedEngine,
  type ThreadStatus,
  type VectorBudget,
  type Want,
} from "../../src/engine/mod.ts";
import type { MemorySettings } from "../../src/memory/mod.ts";
import { checkStore, type Keyring } from "../../src/storage/mod.ts";

export const JSON_WANTED: Want = { format: "json", gzip: false };
export const FIRM = { relaxed: false };

export function caller(change: Partial<Caller> = {}): Caller {
  return {
    name: "test",
    admin: false,
    anonymous: false,
    capabilities: new Set(CAPABILITIES),
    readWorlds: [],
    writeWorlds: [],
    importanceCap: 1,
    kinds: [],
    labels: [],
    sessions: [],
    rememberPerSec: 0,
    address: "127.0.0.1",
    bucket: "test",
    ...change,
  };
}

export function atom(text: string, change: Record<string, unknown> = {}): NewAtom {
  return checkNewAtom(
    { world: "w", worker: "ann", kind: "observation", payload_json: JSON.stringify({ text }), ...change },
    { now: Date.now(), clockSane: true },
  );
}

export function contentOf(reply: Reply): never {
  const bytes = reply.gzip ? Bun.gunzipSync(reply.bytes) : reply.bytes;
  return (bytes.length === 0 ? undefined : JSON.parse(decodeUtf8(bytes)!)) as never;
}

export const unpacked = (reply: Reply): unknown => decodeMsgpack(reply.bytes);

const BUILT_IN: EmbedderSettings = {
  embedder: "static",
  url: "",
  model: "",
  dimension: 0,
  timeoutMs: 1000,
  cacheSize: 10,
};

/** The defaults of [memory]. */
export const MEMORY: MemorySettings = {
  defaultStability: 1,
  retentionTarget: 0.9,
  hebbianLearningRate: 0.1,
  semanticWeight: 0.4,
  recencyWeight: 0.25,
  outcomeWeight: 0.2,
  importanceWeight: 0.15,
};

/** An engine with its threads over a temporary directory; `finish` ends with the deep check. */
export class Fixture {
  readonly dataDir = mkdtempSync(join(tmpdir(), "dwbase-engine-"));
  readonly bugs: string[] = [];
  readonly logged: string[] = [];
  vectors: VectorBudget = { cacheBytes: 4 * MB, graphBytes: 64 * MB, graphFrom: 0 };
  readonly deaths: string[] = [];
  readonly damage: string[] = [];
  status: ThreadStatus | undefined;
  /** Taken at the next start; the built-in model when undefined. */
  embedder: EmbedderSettings | undefined;
  /** Taken at the next start; nothing is ever stopped when undefined. */
  control: ControlCells | undefined;
  engine!: ThreadedEngine;
  readonly me = caller();

  /** How stores are encrypted; not at all unless a suite says so. */
  static keyring: Keyring = { keys: {} };
  readonly keyring = Fixture.keyring;

  static async open(): Promise<Fixture> {
    const fixture = new Fixture();
    await fixture.start();
    return fixture;
  }

  async start(): Promise<void> {
    this.engine = await ThreadedEngine.open({
      dataDir: this.dataDir,
      relaxedWindowMs: 1000,
      keyring: this.keyring,
      diskBudget: 0,
      embedder: this.embedder ?? BUILT_IN,
      vectors: this.vectors,
      memory: MEMORY,
      ...(this.control ? { control: this.control } : {}),
      onLog: (message) => this.logged.push(message),
      onDamage: (found) => this.damage.push(...found),
      onStatus: (status) => {
        this.status = status;
      },
      onBug: (message) => this.bugs.push(message),
      onDeath: (reason) => this.deaths.push(reason),
    });
  }

  async restart(): Promise<void> {
    await this.engine.close();
    await this.start();
  }

  async remember(given: NewAtom): Promise<string> {
    return contentOf(await this.engine.remember(this.me, given, FIRM, JSON_WANTED));
  }

  async get(id: string): Promise<Atom> {
    return contentOf(await this.engine.get(this.me, id, JSON_WANTED));
  }

  async replay(world = "w"): Promise<Atom[]> {
    const all: Atom[] = [];
    let after: string | undefined;
    do {
      const reply = await this.engine.replay(
        this.me,
        after === undefined ? { world } : { world, after },
        JSON_WANTED,
      );
      all.push(...(contentOf(reply) as Atom[]));
      after = reply.next;
    } while (after !== undefined);
    return all;
  }

  async finish(): Promise<void> {
    await this.engine.close();
    expect(checkStore(this.dataDir, { deep: true, keyring: this.keyring }).findings).toEqual([]);
    expect([this.bugs, this.deaths]).toEqual([[], []]);
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
