/** Rank 9: one set of checks for /health, /readyz, the metrics and doctor. */
export { type BoardOptions, type Budget, HealthBoard, OBSERVE_MS } from "./board.ts";
export { type CheckStatus, checkStatusOf, databaseCheck, noteCheck } from "./checked.ts";
export {
  type BackupFacts,
  backupCheck,
  clockSyncCheck,
  powerCheck,
  readClockSynced,
  readThrottled,
} from "./device.ts";
export { type DoctorOptions, examine, type Finding } from "./doctor.ts";
export { diskKind, type Machine, type Mount, mountOf, thisMachine } from "./machine.ts";
