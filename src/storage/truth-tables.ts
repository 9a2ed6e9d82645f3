import { AUDIT } from "./audit.ts";
import { EDGE } from "./edges.ts";
import { IDEM } from "./idem.ts";
import { KEY } from "./keys.ts";
import { LINK, TRUST } from "./links.ts";
import { MEMORY_STATE } from "./memory-state.ts";
import { META } from "./meta.ts";
import { POLICY } from "./policies.ts";
import { TOMBSTONE } from "./remove.ts";
import { SUBJECT } from "./subjects.ts";
import type { TruthTable } from "./truth-table.ts";
import { WORLD } from "./worlds.ts";

/**
 * Every table of the truth beside `atom`. A new one is declared as a TruthTable in its own file and listed here:
 * the check, repair and the change of keys then know of it.
 */
// biome-ignore lint/suspicious/noExplicitAny: their rows have nothing in common
export const TRUTH_TABLES: readonly TruthTable<any>[] = [
  META,
  WORLD,
  SUBJECT,
  LINK,
  TOMBSTONE,
  POLICY,
  TRUST,
  IDEM,
  EDGE,
  MEMORY_STATE,
  AUDIT,
  KEY,
];
