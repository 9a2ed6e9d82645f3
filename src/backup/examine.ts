import { Fault, type Layout } from "../base/mod.ts";
import { adoptStore, checkStore, type Finding, keyringOf, storeFacts } from "../storage/mod.ts";
import type { Report } from "./verify.ts";

/** What was found in an unpacked store. */
export interface Examined {
  /** Of the copy: a clone has an id of its own. */
  nodeId: string;
  /** What the deep check found; [] = it is whole. */
  findings: Finding[];
  /** Id of the key that was not at hand: the rows of the store could not be looked at, only its pages. */
  missingKey: string | null;
}

/**
 * Opens an unpacked store, which brings it to the newest schema, and checks all of it.
 * @param renewAt see `adoptStore`
 * @throws Fault forbidden when its key is at hand and wrong, or not at hand and needed for an id of its own; disk_full
 */
export function examine(place: Layout, report: Report, renewAt?: number): Examined {
  const { nodeId, keyId } = storeFacts(place);
  if (keyId !== null && !atHand(keyId)) {
    if (renewAt === undefined) return { nodeId, findings: [], missingKey: keyId };
    throw new Fault(
      "forbidden",
      `the store is encrypted: an id of its own needs the key in DWBASE_KEY_${keyId}`,
    );
  }
  const id = adoptStore(place, renewAt);
  const onProgress = (done: number, total: number): void => report("checking the store", done, total);
  const { findings } = checkStore(place.dir, { deep: true, onProgress });
  return { nodeId: id, findings, missingKey: null };
}

function atHand(keyId: string): boolean {
  const { keys } = keyringOf(process.env);
  return (keys[keyId] ?? keys[keyId.toUpperCase()]) !== undefined;
}
