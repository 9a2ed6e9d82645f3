import { checkBatchShape, checkNewAtom } from "../atom/mod.ts";
import { clockIsSane, Fault } from "../base/mod.ts";
import type { BatchItem, Refused } from "../engine/mod.ts";
import type { Exchange } from "./exchange.ts";

/** A checked batch with what was sent, item by item. */
export interface Batch {
  items: BatchItem[];
  sent: readonly unknown[];
}

/** Checks each item by itself: a bad one is refused in its place. @throws Fault invalid_input for the batch's shape. */
export function checkBatch(value: unknown, exchange: Exchange): Batch {
  const { clock } = exchange.shared;
  const context = { now: clock.now(), clockSane: clockIsSane(clock) };
  const sent = checkBatchShape(value);
  const items = sent.map((one) => {
    try {
      return checkNewAtom(one, context);
    } catch (error) {
      return refused(error);
    }
  });
  return { items, sent };
}

/** Why an item was refused. What is not a Fault is a bug and thrown on. */
export function refused(error: unknown): Refused {
  if (!(error instanceof Fault)) throw error;
  return { code: error.code, error: error.message };
}
