import type { AskRequest, NewAtom, PolicyRequest, ReplayRequest, WorldRequest } from "../atom/mod.ts";
import type { Caller, NewKey } from "../auth/mod.ts";
import type { Stage, WireFault } from "../base/mod.ts";
import type { CircuitAction, ControlAct, ControlState, NamedReport } from "../control/mod.ts";
import type { EmbedderSettings } from "../embedder/mod.ts";
import type { MemoryRead, MemorySettings, MemoryWrite } from "../memory/mod.ts";
import type { AuditEvent, IdempotencyKey, Keyring, WriterStatus } from "../storage/mod.ts";
import type { StageTime } from "./stages.ts";
import type { BatchItem, Format } from "./types.ts";

/** What main and its threads say to each other. Bodies are JSON text, answers finished bytes that are moved. */

/** As much of a caller as a thread needs to judge what it may see. */
export type Reach = Pick<Caller, "name" | "admin" | "readWorlds" | "writeWorlds"> & {
  capabilities: string[];
};

export type WriteBody =
  | { op: "remember"; atom: NewAtom; idem?: IdempotencyKey; format: Format }
  | { op: "batch"; items: BatchItem[]; idem?: IdempotencyKey; format: Format }
  | { op: "lines"; items: BatchItem[]; first: number }
  | { op: "forget"; id: string; reach: Reach }
  | { op: "world"; request: WorldRequest; by: string; format: Format }
  | { op: "policy"; request: PolicyRequest; by: string; format: Format }
  | { op: "memory"; session: string; request: MemoryWrite; format: Format }
  | OwnWrite;

/** What the node writes of itself and for control, whatever is stopped. */
export type OwnWrite =
  | { op: "control_load" }
  | { op: "control_save"; state: ControlState; act: ControlAct }
  | { op: "audit"; event: AuditEvent }
  | { op: "keys_load" }
  | { op: "key_create"; key: NewKey; sha256: string; by: string }
  | { op: "key_revoke"; id: string; by: string };

export type ReadBody =
  | { op: "ask"; request: AskRequest; format: Format; gzip: boolean }
  | { op: "replay"; request: ReplayRequest; format: Format; gzip: boolean }
  | { op: "get"; id: string; reach: Reach; format: Format; gzip: boolean }
  | { op: "worlds"; reach: Reach; archived: boolean; counts: boolean; format: Format; gzip: boolean }
  | { op: "index_status"; reach: Reach; format: Format; gzip: boolean }
  | { op: "memory"; session: string; request: MemoryRead; format: Format; gzip: boolean };

/** What the recall thread may use for vectors. */
export interface VectorBudget {
  /** Bytes of rows kept in memory; 0 = streamed from the database. */
  cacheBytes: number;
  /** Bytes that graphs may take in memory; 0 = worlds are scanned, however large. */
  graphBytes: number;
  /** Vectors of a world from which a graph serves; 0 = where a scan takes about 10 ms. */
  graphFrom: number;
}

export interface OpenMessage {
  open: {
    dataDir: string;
    relaxedWindowMs: number;
    keyring: Keyring;
    /** Bytes that the data directory may take; 0 = a part of the volume. */
    diskBudget: number;
    embedder: EmbedderSettings;
    /** The built-in model, one copy for all threads; undefined with embedder "none". */
    model: SharedArrayBuffer | undefined;
    vectors: VectorBudget;
    memory: MemorySettings;
    /** performance.now() of main when this was sent: deadlines are in main's time. */
    mainNow: number;
    /** Heartbeats; this thread counts up its own cell. */
    beats: SharedArrayBuffer;
    cell: number;
    /** Flags and the gate; see ControlCells. */
    control: SharedArrayBuffer;
  };
}

export interface RequestMessage {
  n: number;
  /** In main's monotonic time, ms. */
  deadline: number;
  relaxed: boolean;
  body: string;
  /** When it was sent, in main's monotonic time: its stages are to be told. */
  traced?: number;
}

export interface CloseMessage {
  close: true;
}

/** Operates a breaker of the thread; answered by a message with its circuits. */
export interface CircuitMessage {
  circuit: { name: string; action: CircuitAction };
}

/** Memory entered a stage: what a thread does is made cheaper, or as before again. */
export interface PressMessage {
  press: Stage;
}

/** Caches and garbage are to go. */
export interface ShedMessage {
  shed: true;
}

export type ToThread =
  | OpenMessage
  | RequestMessage
  | CircuitMessage
  | PressMessage
  | ShedMessage
  | CloseMessage;

export interface AnswerMessage {
  n: number;
  status: number;
  /** Text for the short answers of the writer. */
  bytes: Uint8Array<ArrayBuffer> | string;
  gzip: boolean;
  next?: string;
  stages?: readonly StageTime[];
}

export interface FaultMessage {
  n: number;
  err: WireFault;
  /** Of a bug, for the log only. */
  stack?: string;
}

export type FromThread =
  | { ready: true }
  | { failed: WireFault }
  | { closed: true }
  | { log: string }
  | { damage: string[] }
  /** Why graphs of vectors cannot be used. */
  | { unusable: string }
  | { circuits: NamedReport[] }
  | { answers: (AnswerMessage | FaultMessage)[] }
  | { status: ThreadStatus };

/** What the writer tells about itself, about once a second while something changes. */
export interface ThreadStatus extends WriterStatus {
  /** File system of the data directory. */
  diskTotal: number;
  diskFree: number;
  queued: number;
  /** Age of the oldest atom that has no vector yet, ms; 0 when there is none. */
  indexLagMs: number;
  /** Why background work last failed, or "". */
  trouble: string;
}

/** Cells of the shared heartbeat array. */
export const BEAT = { writer: 0, recall: 1, cells: 2 } as const;
/** A thread that works moves its heartbeat at least this often. */
export const BEAT_MS = 500;
