/** Rank 3: what an operator switches while the node runs: flags, panic level, circuits. See DESIGN.md. */
export { ALL_WORK, ControlCells, type FlagReader, GATE, type Gate, type Work } from "./cells.ts";
export {
  checkCircuitAction,
  checkFlagChange,
  checkPanic,
  checkRecover,
  LINE,
  type PanicRequest,
} from "./checks.ts";
export {
  CIRCUIT_ACTIONS,
  type CircuitAction,
  type CircuitSource,
  Circuits,
  type CircuitView,
  DATABASE,
  type NamedReport,
} from "./circuits.ts";
export {
  Control,
  type ControlAct,
  type ControlOptions,
  type ControlState,
  type ControlStore,
  type FlagSource,
  type FlagView,
} from "./control.ts";
export { FLAGS, type FlagName, type FlagSetting, isFlagName } from "./flags.ts";
export { isWorse, PANIC_LEVELS, type PanicEvent, type PanicLevel, STOPPED_BY } from "./panic.ts";
