import type { AskRequest, NewAtom, PolicyRequest, ReplayRequest, WorldRequest } from "../atom/mod.ts";
import type { Caller } from "../auth/mod.ts";
import type { ErrorCode } from "../base/mod.ts";
import type { MemoryRead, MemoryWrite } from "../memory/mod.ts";
import type { StageSink } from "./stages.ts";

export type Format = "json" | "msgpack";

/** How the caller wants an answer. */
export interface Want {
  format: Format;
  gzip: boolean;
  /** Gets the stages of the request when it is traced. */
  stages?: StageSink;
}

/** A finished answer: the body is encoded on the thread that made it and moved, not copied. */
export interface Reply {
  /** 200 or 204. */
  status: number;
  bytes: Uint8Array<ArrayBuffer>;
  gzip: boolean;
  /** Replay: the cursor of the next page; absent on the last. */
  next?: string;
}

/** An item of a batch: a valid atom, or why it was refused at the edge. */
export type BatchItem = NewAtom | Refused;
export interface Refused {
  code: ErrorCode;
  error: string;
}

export interface WriteOptions {
  /** Acknowledge before the fsync (at most relaxed_window_ms of exposure). */
  relaxed: boolean;
  /** Idempotency-Key of the request with the digest of its body as sent. */
  idempotency?: { key: string; digest: Uint8Array };
}

export interface HealthCheck {
  name: string;
  status: "ok" | "warning" | "critical";
  message: string;
}

export interface HealthBody {
  status: "ready" | "degraded";
  message: string;
  disk_usage: { used_bytes: number; total_bytes: number; percent_used: number };
  index_rebuild_lag_ms: number;
  version: string;
  uptime_s: number;
  memory: { rss_bytes: number; budget_bytes: number; stage: string };
  disk: { used_bytes: number; budget_bytes: number; stage: string };
  checks: HealthCheck[];
}

/**
 * The one facade of the memory. Every method checks the caller's capabilities, is bounded in time and memory, and
 * rejects with a Fault.
 */
export interface Engine {
  remember(caller: Caller, atom: NewAtom, how: WriteOptions, want: Want): Promise<Reply>;
  rememberBatch(caller: Caller, items: BatchItem[], how: WriteOptions, want: Want): Promise<Reply>;
  /** Commits lines of an NDJSON stream; the reply is their answer lines. `first` is the index of the first line. */
  rememberLines(caller: Caller, items: BatchItem[], first: number, relaxed: boolean): Promise<Reply>;
  ask(caller: Caller, request: AskRequest, want: Want): Promise<Reply>;
  replay(caller: Caller, request: ReplayRequest, want: Want): Promise<Reply>;
  get(caller: Caller, id: string, want: Want): Promise<Reply>;
  forget(caller: Caller, id: string): Promise<Reply>;
  worlds(caller: Caller, options: { archived: boolean; counts: boolean }, want: Want): Promise<Reply>;
  manageWorld(caller: Caller, request: WorldRequest, want: Want): Promise<Reply>;
  setPolicy(caller: Caller, request: PolicyRequest, want: Want): Promise<Reply>;
  indexStatus(caller: Caller, want: Want): Promise<Reply>;
  /** A read of a session of the memory family. */
  memoryRead(caller: Caller, session: string, request: MemoryRead, want: Want): Promise<Reply>;
  /** A write of a session of the memory family. */
  memoryWrite(caller: Caller, session: string, request: MemoryWrite, want: Want): Promise<Reply>;
  close(): Promise<void>;
}
