import { concatBytes, type ErrorCode, encodeUtf8, Fault, LIMITS } from "../base/mod.ts";
import type { Client } from "./client.ts";
import type { Line } from "./lines.ts";
import type { LineAnswer } from "./types.ts";

/** What became of a line: stored under `id` (now or before), or refused. */
export type Outcome = { number: number; id: string } | { number: number; code: ErrorCode; error: string };

export interface UploadOptions {
  /** Waits before another try; a test's own does not. */
  pause?: (ms: number) => Promise<unknown>;
}

/** What passes by itself: another try with the same ids settles it. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  "unreachable",
  "overloaded",
  "deadline_exceeded",
  "rate_limited",
  "storage_error",
]);
/** What is wrong with one line; any other code is the node's own trouble and ends the upload. */
const OF_THE_LINE: ReadonlySet<ErrorCode> = new Set([
  "invalid_input",
  "payload_too_large",
  "conflict",
  "gone",
  "not_found",
  "forbidden",
  "capability_denied",
  "importance_cap",
  "kind_not_allowed",
  "label_not_allowed",
  "world_archived",
]);
const NEWLINE = encodeUtf8("\n");

/**
 * Sends chunks one after another, each acknowledged before the next is read, so memory stays constant. Every
 * prepared line must carry an id: what was not acknowledged is sent again after a passing fault.
 * @throws Fault when the node stays away or cannot go on (disk full, read-only); what was yielded is stored.
 */
export async function* upload(
  client: Client,
  source: AsyncIterable<Line[]>,
  options: UploadOptions = {},
): AsyncGenerator<Outcome[]> {
  const pause = options.pause ?? Bun.sleep;
  for await (const chunk of source) {
    let left = chunk;
    for (let tries = 0; left.length > 0; ) {
      const { outcomes, unsettled, fault } = await sendOnce(client, left);
      if (outcomes.length > 0) yield outcomes;
      // Whatever was settled is progress: the count of tries starts again.
      tries = unsettled.length < left.length ? 1 : tries + 1;
      left = unsettled;
      if (fault === undefined) continue;
      if (!PASSING.has(fault.code) || tries > LIMITS.importRetries) throw fault;
      const wait = fault.retryAfter === undefined ? 250 * 2 ** tries : fault.retryAfter * 1000;
      await pause(Math.min(wait, LIMITS.retryDelayMs));
    }
  }
}

interface Sent {
  outcomes: Outcome[];
  /** Lines whose fate is not known or that a passing fault refused. */
  unsettled: Line[];
  /** Present when lines are unsettled. */
  fault?: Fault;
}

async function sendOnce(client: Client, lines: Line[]): Promise<Sent> {
  const refused = lines.filter((line) => "fault" in line);
  const outcomes: Outcome[] = refused.map(({ number, fault }) => ({
    number,
    code: fault.code,
    error: fault.message,
  }));
  const sendable = lines.filter((line) => "bytes" in line);
  if (sendable.length === 0) return { outcomes, unsettled: [] };
  let answers: LineAnswer[];
  try {
    answers = await client.rememberLines(concatBytes(sendable.flatMap(({ bytes }) => [bytes, NEWLINE])));
  } catch (error) {
    if (error instanceof Fault) return { outcomes, unsettled: sendable, fault: error };
    throw error;
  }
  const settled = new Map<number, Outcome>();
  let fault = new Fault("unreachable", "the node ended the import without an answer to every line");
  for (const { index, id, code = "internal_error", error = code } of answers) {
    const line = index === undefined ? undefined : sendable[index];
    if (index === undefined || line === undefined) fault = new Fault(code, error);
    else if (id !== undefined) settled.set(index, { number: line.number, id });
    else if (OF_THE_LINE.has(code)) settled.set(index, { number: line.number, code, error });
    else fault = new Fault(code, error);
  }
  const unsettled = sendable.filter((_, index) => !settled.has(index));
  outcomes.push(...settled.values());
  outcomes.sort((a, b) => a.number - b.number);
  return unsettled.length === 0 ? { outcomes, unsettled } : { outcomes, unsettled, fault };
}
