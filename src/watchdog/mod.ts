/** Rank 9: keeps the node inside its budgets of memory and disk. */
export { childrenBytes, type Resident, ramBudget, resident } from "./memory.ts";
export { cleanFileRanges, FilePages } from "./pages.ts";
export {
  type Acts,
  type BudgetState,
  SAMPLE_MS,
  type StageEvent,
  Watchdog,
  type WatchdogOptions,
} from "./watchdog.ts";
