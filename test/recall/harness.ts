import type { AskRequest } from "../../src/atom/mod.ts";
import { type Recalled, type RecallOptions, recall, type Score } from "../../src/recall/mod.ts";
import { atomText } from "../../src/text/mod.ts";
import type { Store } from "../storage/harness.ts";

/** Asks a store's world "home". */
export function ask(
  store: Store,
  text: string,
  request: Partial<AskRequest> = {},
  options: Partial<RecallOptions> = {},
): Recalled {
  return store.read((reader) =>
    recall(
      reader,
      { world: "home", text, ...request },
      { now: store.clock.now(), checkDeadline: () => {}, ...options },
    ),
  );
}

/** What the answered atoms say, best first. */
export function said(found: Recalled): string[] {
  return found.supporting.map((row) => atomText(row.payload, row.worker).text);
}

export function texts(store: Store, text: string, request: Partial<AskRequest> = {}): string[] {
  return said(ask(store, text, request));
}

/** The score of the answered atom that says `text`. */
export function scoreOf(found: Recalled, text: string): Score {
  const at = said(found).indexOf(text);
  if (at < 0) throw new Error(`"${text}" is not in the answer: ${said(found).join(" | ")}`);
  return found.scores[at]!;
}

/** Minutes after which sessionless atoms begin a new thread. */
export const APART = 31;

/** An atom's fields for a text at a number of minutes after the start of 2026, by default far from the others. */
export function at(minutes: number, text: string, worker = "ann") {
  return {
    worker,
    payload_json: JSON.stringify({ text }),
    timestamp: new Date(Date.UTC(2026, 0, 1) + minutes * 60_000).toISOString(),
  };
}

/** Atoms that share no thread. */
export function apart(...list: string[]) {
  return list.map((text, i) => at(i * APART, text));
}
