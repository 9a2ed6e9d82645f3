import { concatBytes, type ErrorCode, encodeUtf8, Fault, LIMITS } from "../base/mod.ts";
import type { Client } from "./client.ts";
import type { Line } from "./lines.ts";
import type { LineAnswer } from "./types.ts";

/** What became of a line: stored under `id` (now or before), or refused. */
export type Outcome = { number: number; id: string } | Refusal;
export interface Refusal {
  number: number;
  code: ErrorCode;
  error: string;
  /** The line as it was sent, if it was. */
  sent?: Uint8Array;
}

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
    else if (OF_THE_LINE.has(code))
      settled.set(index, { number: line.number, code, error, sent: line.bytes });
    else fault = new Fault(code, error);
  }
  const unsettled = sendable.filter((_, index) => !settled.has(index));
  outcomes.push(...settled.values());
  outcomes.sort((a, b) => a.number - b.number);
  return unsettled.length === 0 ? { outcomes, unsettled } : { outcomes, unsettled, fault };
}

/**
 * Whether a line that was refused as a conflict is the very atom that the node has: an export says what was left to
 * the node when the atom was sent, such as its time, and so differs from what was sent then.
 * @returns the atom's id, or undefined when it is another one.
 */
export async function alreadyStored(client: Client, refusal: Refusal): Promise<string | undefined> {
  if (refusal.code !== "conflict" || refusal.sent === undefined) return undefined;
  const sent = JSON.parse(new TextDecoder().decode(refusal.sent)) as Record<string, unknown>;
  try {
    const atom = await client.get(String(sent.id));
    return Bun.deepEquals(sent, { ...atom }) ? atom.id : undefined;
  } catch (error) {
    // An atom that the key may not read stays a conflict.
    if (error instanceof Fault && error.code !== "unreachable") return undefined;
    throw error;
  }
}
