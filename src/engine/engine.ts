import type { AskRequest, NewAtom, PolicyRequest, ReplayRequest, WorldRequest } from "../atom/mod.ts";
import {
  type Caller,
  type KeyKeeper,
  mayRead,
  mayWrite,
  mayWriteAll,
  type NewKey,
  requireCapability,
  requireSession,
  type StoredKey,
  writeRefusal,
} from "../auth/mod.ts";
import { decodeUtf8, encodeUtf8, Fault, LIMITS, type Stage } from "../base/mod.ts";
import {
  type CircuitAction,
  type CircuitSource,
  type ControlAct,
  ControlCells,
  type ControlState,
  type ControlStore,
  type NamedReport,
} from "../control/mod.ts";
import { type EmbedderSettings, loadModel } from "../embedder/mod.ts";
import type { MemoryRead, MemorySettings, MemoryWrite } from "../memory/mod.ts";
import type { Keyring } from "../storage/mod.ts";
import { Exports } from "./exports.ts";
import { ThreadLink } from "./link.ts";
import {
  type AnswerMessage,
  BEAT,
  type OwnWrite,
  type ReadBody,
  type ThreadStatus,
  type VectorBudget,
  type WriteBody,
} from "./protocol.ts";
import { reachOf } from "./reach.ts";
import type { BatchItem, Engine, Reply, Want, WriteOptions } from "./types.ts";

export interface EngineOptions {
  dataDir: string;
  relaxedWindowMs: number;
  keyring: Keyring;
  /** Bytes that the data directory may take; 0 = a part of the volume. */
  diskBudget: number;
  embedder: EmbedderSettings;
  vectors: VectorBudget;
  memory: MemorySettings;
  /** Flags and the gate; without it nothing is ever stopped. */
  control?: ControlCells;
  onStatus: (status: ThreadStatus) => void;
  /** A sentence of a thread for the log. */
  onLog: (message: string) => void;
  /** Something was found damaged for the first time, a sentence each; all else is served. */
  onDamage: (found: string[]) => void;
  /** Why worlds, however large, are scanned. */
  onUnusable?: (why: string) => void;
  onBug: (message: string, stack: string) => void;
  onDeath: (reason: string) => void;
}

/** The engine over its threads: checks what the caller may, hands the work on, and never blocks main. */
export class ThreadedEngine implements Engine, ControlStore, CircuitSource, KeyKeeper {
  private readonly exports = new Exports();
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly writer: ThreadLink,
    private readonly reader: ThreadLink,
    /** Heartbeats of the threads, by cell of BEAT. */
    readonly beats: Int32Array,
    private readonly onLog: (message: string) => void,
  ) {}

  /** Opens the data directory. @throws Fault why it cannot be opened */
  static async open(options: EngineOptions): Promise<ThreadedEngine> {
    const {
      dataDir,
      relaxedWindowMs,
      diskBudget,
      keyring,
      embedder,
      vectors,
      memory,
      onLog,
      onDamage,
      onBug,
      onDeath,
    } = options;
    const model = embedder.embedder === "none" ? undefined : await loadModel();
    const beats = new SharedArrayBuffer(4 * BEAT.cells);
    const control = (options.control ?? new ControlCells()).buffer;
    const common = {
      dataDir,
      relaxedWindowMs,
      diskBudget,
      keyring,
      embedder,
      vectors,
      memory,
      model,
      beats,
      control,
    };
    const message = (cell: number) => ({ ...common, mainNow: performance.now(), cell });
    const writer = new ThreadLink(new Worker(new URL("./writer-thread.ts", import.meta.url).href), "writer", {
      onStatus: options.onStatus,
      onLog,
      onDamage,
      onBug,
      onDeath,
    });
    const reader = new ThreadLink(new Worker(new URL("./recall-thread.ts", import.meta.url).href), "recall", {
      onLog,
      onDamage,
      onUnusable: options.onUnusable ?? onLog,
      onBug,
      onDeath,
    });
    try {
      await writer.open(message(BEAT.writer));
      await reader.open(message(BEAT.recall));
    } catch (cause) {
      reader.end();
      await writer.close();
      throw cause;
    }
    return new ThreadedEngine(writer, reader, new Int32Array(beats), onLog);
  }

  /** Writes that wait or are under way. */
  get queueDepth(): number {
    return this.writer.depth;
  }

  /** Writes refused because the queue was full. */
  get refused(): number {
    return this.writer.refused;
  }

  async remember(caller: Caller, atom: NewAtom, how: WriteOptions, want: Want): Promise<Reply> {
    const refused = writeRefusal(caller, atom);
    if (refused) throw refused;
    return this.write(
      { op: "remember", atom, format: want.format, ...idempotency(caller, "remember", how) },
      how.relaxed,
      want,
    );
  }

  async rememberBatch(caller: Caller, items: BatchItem[], how: WriteOptions, want: Want): Promise<Reply> {
    requireCapability(caller, "write_worlds");
    const body: WriteBody = {
      op: "batch",
      items: items.map((item) => admit(caller, item)),
      format: want.format,
      ...idempotency(caller, "batch", how),
    };
    return this.write(body, how.relaxed, want);
  }

  async rememberLines(caller: Caller, items: BatchItem[], first: number, relaxed: boolean): Promise<Reply> {
    requireCapability(caller, "write_worlds");
    return this.write({ op: "lines", items: items.map((item) => admit(caller, item)), first }, relaxed);
  }

  async ask(caller: Caller, request: AskRequest, want: Want): Promise<Reply> {
    requireReadable(caller, request.world);
    return this.read({ op: "ask", request, ...want }, want);
  }

  async replay(caller: Caller, request: ReplayRequest, want: Want): Promise<Reply> {
    requireReadable(caller, request.world);
    const reply = await this.read({ op: "replay", request, ...want }, want);
    if (this.exports.isWhole(caller.bucket, request, reply.next))
      await this.noteExport(caller, request.world);
    return reply;
  }

  async get(caller: Caller, id: string, want: Want): Promise<Reply> {
    requireCapability(caller, "read_worlds");
    return this.read({ op: "get", id, reach: reachOf(caller), ...want }, want);
  }

  async forget(caller: Caller, id: string): Promise<Reply> {
    requireCapability(caller, "forget");
    return this.write({ op: "forget", id, reach: reachOf(caller) }, false);
  }

  async worlds(caller: Caller, options: { archived: boolean; counts: boolean }, want: Want): Promise<Reply> {
    requireCapability(caller, "read_worlds");
    return this.read({ op: "worlds", reach: reachOf(caller), ...options, ...want }, want);
  }

  async manageWorld(caller: Caller, request: WorldRequest, want: Want): Promise<Reply> {
    requireManageable(caller, request.world);
    return this.write({ op: "world", request, by: caller.name, format: want.format }, false);
  }

  async setPolicy(caller: Caller, request: PolicyRequest, want: Want): Promise<Reply> {
    requireManageable(caller, request.world);
    requireWholeTenant(caller, request.world);
    return this.write({ op: "policy", request, by: caller.name, format: want.format }, false);
  }

  async indexStatus(caller: Caller, want: Want): Promise<Reply> {
    requireCapability(caller, "read_worlds");
    return this.read({ op: "index_status", reach: reachOf(caller), ...want }, want);
  }

  async memoryRead(caller: Caller, session: string, request: MemoryRead, want: Want): Promise<Reply> {
    requireSession(caller, session);
    requireCapability(caller, "read_worlds");
    return this.read({ op: "memory", session, request, ...want }, want);
  }

  async memoryWrite(caller: Caller, session: string, request: MemoryWrite, want: Want): Promise<Reply> {
    requireSession(caller, session);
    requireCapability(caller, request.op === "forget" ? "forget" : "write_worlds");
    requireImportance(caller, request);
    return this.write({ op: "memory", session, request, format: want.format }, false, want);
  }

  async loadControl(): Promise<ControlState | undefined> {
    const { bytes } = await this.own({ op: "control_load" });
    return (JSON.parse(decodeUtf8(bytes)!) as ControlState | null) ?? undefined;
  }

  async saveControl(state: ControlState, act: ControlAct): Promise<void> {
    await this.own({ op: "control_save", state, act });
  }

  async noteControl(act: ControlAct): Promise<void> {
    await this.own({ op: "audit", event: act });
  }

  async loadKeys(): Promise<StoredKey[]> {
    const { bytes } = await this.own({ op: "keys_load" });
    return JSON.parse(decodeUtf8(bytes)!) as StoredKey[];
  }

  async saveKey(key: NewKey, sha256: string, by: string): Promise<StoredKey> {
    const { bytes } = await this.own({ op: "key_create", key, sha256, by });
    return JSON.parse(decodeUtf8(bytes)!) as StoredKey;
  }

  async dropKey(id: string, by: string): Promise<void> {
    await this.own({ op: "key_revoke", id, by });
  }

  circuits(): NamedReport[] {
    return [...this.writer.circuits, ...this.reader.circuits];
  }

  async operate(name: string, action: CircuitAction): Promise<void> {
    const holders = [this.writer, this.reader].filter((link) => link.circuits.some((c) => c.name === name));
    await Promise.all(holders.map((link) => link.operate(name, action)));
  }

  /** Reading goes on when the log cannot be written, but not in silence. */
  private async noteExport(caller: Caller, world: string): Promise<void> {
    try {
      await this.own({ op: "audit", event: { action: "export", actor: caller.name, target: world } });
    } catch (cause) {
      this.onLog(`an export was not entered into the audit log: ${(cause as Error).message}`);
    }
  }

  /** Memory entered a stage: queues are cut and searches made cheaper, or all is as before again. */
  press(stage: Stage): void {
    for (const thread of [this.writer, this.reader]) thread.press(stage);
  }

  /** Has the threads let their caches and garbage go. */
  shed(): void {
    for (const thread of [this.writer, this.reader]) thread.shed();
  }

  /** Finishes what is under way, commits and closes the files. */
  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    this.writer.refuse();
    // a reader in the way would keep the last checkpoint from emptying the WAL
    await this.reader.close();
    await this.writer.close();
  }

  private async write(body: WriteBody, relaxed: boolean, want?: Want): Promise<Reply> {
    const how = { relaxed, stages: want?.stages };
    return replyOf(await this.writer.ask(JSON.stringify(body), LIMITS.writeDeadlineMs, how));
  }

  private async own(body: OwnWrite): Promise<Reply> {
    return replyOf(await this.writer.ask(JSON.stringify(body), LIMITS.writeDeadlineMs, { own: true }));
  }

  private async read(body: ReadBody, { stages }: Want): Promise<Reply> {
    return replyOf(await this.reader.ask(JSON.stringify(body), LIMITS.readDeadlineMs, { stages }));
  }
}

function replyOf(answer: AnswerMessage): Reply {
  const bytes = typeof answer.bytes === "string" ? encodeUtf8(answer.bytes) : answer.bytes;
  const reply = { status: answer.status, bytes, gzip: answer.gzip };
  return answer.next === undefined ? reply : { ...reply, next: answer.next };
}

function idempotency(caller: Caller, route: string, how: WriteOptions) {
  if (!how.idempotency) return {};
  const { key, digest } = how.idempotency;
  return { idem: { scope: `${caller.bucket}\u0000${route}\u0000${key}`, digest: digest.toHex() } };
}

function admit(caller: Caller, item: BatchItem): BatchItem {
  if ("code" in item) return item;
  const fault = writeRefusal(caller, item);
  return fault ? { code: fault.code, error: fault.message } : item;
}

/** The highest importance that a write gives. */
function importanceOf(request: MemoryWrite): number {
  switch (request.op) {
    case "create_episode":
      return request.item.emotionalValence;
    case "change_episode":
      return request.change.emotionalValence ?? 0;
    case "import":
      return Math.max(
        0,
        ...request.items.map((one) =>
          "family" in one && one.family === "episode" ? one.item.emotionalValence : 0,
        ),
      );
    default:
      return 0;
  }
}

/** @throws Fault importance_cap: an episode's emotional valence is the importance of its atom */
function requireImportance({ importanceCap }: Caller, request: MemoryWrite): void {
  const importance = importanceOf(request);
  if (importance <= importanceCap) return;
  throw new Fault(
    "importance_cap",
    `importance ${importance} is above the ${importanceCap} allowed here; lower it`,
  );
}

function requireReadable(caller: Caller, world: string): void {
  requireCapability(caller, "read_worlds");
  if (!mayRead(caller, world)) {
    throw new Fault("capability_denied", `the key may not read world "${world}"; use one that may`);
  }
}

function requireManageable(caller: Caller, world: string): void {
  requireCapability(caller, "manage_worlds");
  if (!mayWrite(caller, world)) {
    throw new Fault(
      "capability_denied",
      `the key may not manage world "${world}"; use one that may write it`,
    );
  }
}

/** The policy of `tenant:<id>` holds for all worlds `tenant:<id>/…`, so that it asks for all of them. */
function requireWholeTenant(caller: Caller, world: string): void {
  if (!/^tenant:[^/]+$/.test(world) || mayWriteAll(caller, `${world}/`)) return;
  throw new Fault(
    "capability_denied",
    `the policy of ${world} acts on all worlds ${world}/…, which the key may not all write; use one that may`,
  );
}
