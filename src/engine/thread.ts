import { asFault, Fault, LIMITS, type Stage, toWire } from "../base/mod.ts";
import type { CircuitAction, NamedReport } from "../control/mod.ts";
import { Damage } from "../storage/mod.ts";
import {
  BEAT_MS,
  type FaultMessage,
  type FromThread,
  type OpenMessage,
  type RequestMessage,
  type ToThread,
} from "./protocol.ts";

import { Stages } from "./stages.ts";

declare const self: {
  onmessage: ((event: { data: ToThread }) => void) | null;
  postMessage(message: FromThread, transfer?: ArrayBuffer[]): void;
};

export function post(message: FromThread, transfer: ArrayBuffer[] = []): void {
  self.postMessage(message, transfer);
}

/** A request with its deadline in this thread's time. */
export interface Waiting {
  n: number;
  deadline: number;
  relaxed: boolean;
  body: string;
  /** Of a traced request. */
  stages?: Stages;
}

export interface ThreadWork {
  open(options: OpenMessage["open"]): void;
  take(request: Waiting): void;
  /** Its breakers, as they stand now. */
  circuits(): NamedReport[];
  operate(name: string, action: CircuitAction): void;
  /** Memory entered a stage. */
  press?(stage: Stage): void;
  /** Lets caches go; garbage is collected afterwards. */
  shed(): void;
  close(): void | Promise<void>;
}

/** A thread's end of the protocol: opening, heartbeat, requests, closing. */
export function runThread(work: ThreadWork): void {
  let offset = 0;
  const open = (options: OpenMessage["open"]): void => {
    offset = performance.now() - options.mainNow;
    const beats = new Int32Array(options.beats);
    try {
      work.open(options);
    } catch (cause) {
      post({ failed: toWire(cause) });
      return;
    }
    setInterval(() => {
      Atomics.add(beats, options.cell, 1);
      tellCircuits(false);
    }, BEAT_MS);
    tellCircuits(false);
    post({ ready: true });
  };
  let told = "";
  const tellCircuits = (always: boolean): void => {
    const circuits = work.circuits();
    const now = JSON.stringify(circuits);
    if (always || now !== told) post({ circuits });
    told = now;
  };
  const take = ({ n, deadline, relaxed, body, traced }: RequestMessage): void => {
    const request = { n, deadline: deadline + offset, relaxed, body };
    work.take(traced === undefined ? request : { ...request, stages: new Stages(traced, offset) });
  };
  const shed = (): void => {
    work.shed();
    Bun.gc(true);
  };
  self.onmessage = ({ data }) => {
    if ("n" in data) take(data);
    else if ("open" in data) open(data.open);
    else if ("press" in data) work.press?.(data.press);
    else if ("shed" in data) shed();
    else if ("circuit" in data) {
      work.operate(data.circuit.name, data.circuit.action);
      tellCircuits(true);
    } else void Promise.resolve(work.close()).then(() => post({ closed: true }));
  };
}

export function late(request: Waiting): boolean {
  return performance.now() > request.deadline;
}

export const LATE = new Fault("deadline_exceeded", "the node is too busy to answer in time; try again", {
  retryAfter: 1,
});

const noted = new Set<string>();

/** Tells main what was found damaged, each thing once and at most LIMITS.damageNotes of them. */
export function noteDamage(sentences: readonly string[]): void {
  const fresh = sentences.filter((sentence) => noted.size < LIMITS.damageNotes && !noted.has(sentence));
  for (const sentence of fresh) noted.add(sentence);
  if (fresh.length > 0) post({ damage: fresh });
}

/** The message that fails a request; the stack of a bug goes along for the log. */
export function failure(n: number, error: unknown): FaultMessage {
  const fault = asFault(error);
  if (fault instanceof Damage) noteDamage([fault.message]);
  const err = toWire(fault);
  const cause = fault.cause instanceof Error ? fault.cause : error;
  return fault.code === "internal_error" && cause instanceof Error && cause.stack
    ? { n, err, stack: cause.stack }
    : { n, err };
}
