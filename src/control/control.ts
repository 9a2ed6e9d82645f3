import { type Clock, Fault, formatTime, LIMITS } from "../base/mod.ts";
import { ALL_WORK, ControlCells, GATE, STARTING, starting, stoppedFault } from "./cells.ts";
import { FLAGS, type FlagName, type FlagSetting, isFlagName } from "./flags.ts";
import { isWorse, PANIC_LEVELS, type PanicEvent, type PanicLevel, STOPPED_BY } from "./panic.ts";

/** What outlives a restart. */
export interface ControlState {
  /** Flags that were set by hand. */
  flags: Partial<Record<FlagName, FlagSetting>>;
  level: PanicLevel;
  /** The newest changes of the level, oldest first, at most LIMITS.panicEvents. */
  events: PanicEvent[];
  /** All changes ever. */
  eventCount: number;
}

/** What is entered into the audit log. */
export interface ControlAct {
  action: "flag" | "panic" | "recover" | "circuit";
  actor: string;
  target: string;
  detail: string;
}

/** Keeps the state durably together with the entry of the audit log; the engine fills it. */
export interface ControlStore {
  loadControl(): Promise<ControlState | undefined>;
  /** Resolves when both are on the disk. @throws Fault */
  saveControl(state: ControlState, act: ControlAct): Promise<void>;
  /** Enters what changes no kept state. @throws Fault */
  noteControl(act: ControlAct): Promise<void>;
}

export type FlagSource = "default" | "environment" | "control";

export interface FlagView extends FlagSetting {
  name: FlagName;
  description: string;
  owner: string;
  /** How often it was asked since the start. */
  usage_count: number;
  source: FlagSource;
}

export interface ControlOptions {
  clock: Clock;
  /** WW_FLAG_<NAME> by lower-case name. */
  environment?: Readonly<Record<string, boolean>>;
  /** Called after TOTAL with source "shutdown" was answered and kept. */
  onShutdown?: () => void;
}

const NOTHING: ControlState = { flags: {}, level: "NONE", events: [], eventCount: 0 };
const EVERYONE = 100;
/** How long an answer gets to leave before a shutdown begins. */
const ANSWER_MS = 50;

/**
 * Flags and the panic level of a node, on main: they are shown and changed here and act through the cells that all
 * threads share. Until the kept state is known everything is stopped.
 */
export class Control {
  readonly cells = new ControlCells();
  /** Sentences for the start log. */
  readonly notices: string[];
  private state = NOTHING;
  private store: ControlStore | undefined;
  private shuttingDown = false;
  /** Changes happen one after the other. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: ControlOptions) {
    this.cells.stop(ALL_WORK | STARTING);
    this.notices = Object.keys(options.environment ?? {})
      .filter((name) => !isFlagName(name))
      .map((name) => `WW_FLAG_${name.toUpperCase()} is not a flag of this node and is not used`);
  }

  /** Takes over what was kept and lets work begin that it allows. @throws Fault of the store */
  async open(store: ControlStore): Promise<void> {
    this.restore(store, await store.loadControl());
  }

  /** As `open`, with what `store` keeps at hand. */
  restore(store: ControlStore, state: ControlState = NOTHING): void {
    this.apply(state);
    this.store = store;
  }

  get level(): PanicLevel {
    return this.state.level;
  }

  /** Why the level is what it is; "" at NONE. */
  get reason(): string {
    return this.state.level === "NONE" ? "" : (this.state.events.at(-1)?.reason ?? "");
  }

  get isShuttingDown(): boolean {
    return this.shuttingDown;
  }

  get eventCount(): number {
    return this.state.eventCount;
  }

  /** The newest changes of the level, oldest first. */
  get events(): readonly PanicEvent[] {
    return this.state.events;
  }

  /** What an operator has stopped, for people who need not know why; "" for nothing. */
  get stopped(): string {
    const modes = (["read_only_mode", "maintenance_mode"] as const).filter((flag) =>
      this.cells.isWhole(flag),
    );
    const level = this.level === "NONE" ? [] : [`the panic level is ${this.level}`];
    return [...level, ...modes.map((mode) => `${mode} is on`)].join(", ");
  }

  /** Whether nothing but health and control is answered. */
  get closed(): boolean {
    return (this.cells.stopped & GATE.reads) !== 0;
  }

  flags(): FlagView[] {
    return FLAGS.map(({ name }) => this.flag(name));
  }

  /** @throws Fault not_found */
  flag(name: string): FlagView {
    const spec = FLAGS.find((flag) => flag.name === name);
    if (spec === undefined) {
      const known = FLAGS.map((flag) => flag.name).join(", ");
      throw new Fault("not_found", `there is no flag "${name.slice(0, 100)}"; the flags are ${known}`);
    }
    const { description, owner } = spec;
    const { source, ...setting } = this.settingOf(spec.name);
    const usage_count = this.cells.usage(spec.name);
    return { name: spec.name, ...setting, description, owner, usage_count, source };
  }

  /**
   * Whether a request may go on, flags that are rolled out to a part of the units included.
   * @param unit the session of the memory family, else the caller's bucket
   * @throws Fault read_only or maintenance
   */
  admit(work: "writes" | "reads", unit: string): void {
    const { cells } = this;
    cells.require(work);
    if (cells.enabled("maintenance_mode", unit)) throw stoppedFault(ALL_WORK);
    if (work === "writes" && cells.enabled("read_only_mode", unit)) throw stoppedFault(GATE.writes);
  }

  /**
   * Sets a flag; the value beats the environment and survives restarts. It acts once it is kept.
   * @throws Fault not_found, and those of the store
   */
  setFlag(name: string, change: Partial<FlagSetting>, actor: string): Promise<FlagView> {
    return this.inTurn(async () => {
      const { name: flag, enabled, rollout_percentage } = this.flag(name);
      const setting = { enabled, rollout_percentage, ...change };
      const next = { ...this.state, flags: { ...this.state.flags, [flag]: setting } };
      const detail = `${setting.enabled ? "on" : "off"}, ${setting.rollout_percentage} %`;
      await this.keep(next, { action: "flag", actor, target: flag, detail });
      // a panic may have been raised meanwhile
      this.apply({ ...this.state, flags: next.flags });
      return this.flag(flag);
    });
  }

  /**
   * Raises the panic level, or gives a new reason for it. It acts at once, and is kept after that; when it cannot be
   * kept it acts nevertheless, until the process ends.
   * @throws Fault conflict for a level below the present one; storage_error when it acts but could not be kept
   */
  panic(request: { level: PanicLevel; reason: string; source: string }, actor: string): Promise<PanicEvent> {
    const { level, reason, source } = request;
    if (isWorse(this.level, level))
      throw new Fault("conflict", `the panic level is ${this.level}, which is above ${level}; use recover`);
    // not in turn: what waits for the disk must not hold up an emergency
    const { event, next } = this.changed({ level, reason, source, actor });
    this.apply(next);
    const detail = `from ${event.previous_level}, source ${source}: ${reason}`;
    return this.inTurn(async () => {
      await this.keepPanic(level, { action: "panic", actor, target: level, detail });
      if (level === "TOTAL" && source === "shutdown") this.shutDown();
      return event;
    });
  }

  /**
   * Lowers the panic level; more is let through once that is kept.
   * @throws Fault conflict when the level is not below the present one, and those of the store
   */
  recover(level: PanicLevel, actor: string): Promise<PanicEvent> {
    return this.inTurn(async () => {
      if (!isWorse(this.level, level)) {
        const lower = PANIC_LEVELS.slice(0, PANIC_LEVELS.indexOf(this.level)).join(", ");
        const wanted = lower === "" ? "there is nothing to recover from" : `recover to one of ${lower}`;
        throw new Fault("conflict", `the panic level is ${this.level} already; ${wanted}`);
      }
      if (this.shuttingDown) throw new Fault("conflict", "the node is shutting down; start it again first");
      const { event, next } = this.changed({ level, reason: "", source: "recover", actor });
      await this.keep(next, {
        action: "recover",
        actor,
        target: level,
        detail: `from ${event.previous_level}`,
      });
      // a panic that was raised meanwhile stands
      if (this.level === event.previous_level && this.state.eventCount === next.eventCount - 1)
        this.apply(next);
      else throw new Fault("conflict", `the panic level was set to ${this.level} meanwhile; it stays`);
      return event;
    });
  }

  /** Enters into the audit log what changes no kept state. @throws Fault */
  note(act: ControlAct): Promise<void> {
    return this.opened().noteControl(act);
  }

  private changed(to: Pick<PanicEvent, "level" | "reason" | "source" | "actor">) {
    const { level, reason, source, actor } = to;
    const timestamp = formatTime(this.options.clock.now());
    const event: PanicEvent = { timestamp, level, previous_level: this.level, reason, source, actor };
    const events = [...this.state.events, event].slice(-LIMITS.panicEvents);
    return { event, next: { ...this.state, level, events, eventCount: this.state.eventCount + 1 } };
  }

  private async keepPanic(level: PanicLevel, act: ControlAct): Promise<void> {
    try {
      await this.keep(this.state, act);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `the level ${level} acts now but could not be kept for the next start: ${why}`;
      throw new Fault("storage_error", message, { cause });
    }
  }

  private async keep(state: ControlState, act: ControlAct): Promise<void> {
    return this.opened().saveControl(state, act);
  }

  private opened(): ControlStore {
    if (this.store) return this.store;
    throw starting();
  }

  private shutDown(): void {
    this.shuttingDown = true;
    setTimeout(() => this.options.onShutdown?.(), ANSWER_MS);
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(act);
    this.turn = mine.catch(() => {});
    return mine;
  }

  private settingOf(name: FlagName): FlagSetting & { source: FlagSource } {
    const set = this.state.flags[name];
    if (set) return { ...set, source: "control" };
    const given = this.options.environment?.[name];
    const enabled = given ?? FLAGS.find((flag) => flag.name === name)!.enabled;
    const source = given === undefined ? "default" : "environment";
    return { enabled, rollout_percentage: EVERYONE, source };
  }

  /** The state as it acts: flags first, then what they and the level stop together. */
  private apply(state: ControlState): void {
    this.state = state;
    const { cells } = this;
    for (const { name } of FLAGS) cells.set(name, this.settingOf(name));
    let stopped = STOPPED_BY[state.level];
    // what is rolled out to a part only is for each request to ask
    if (cells.isWhole("read_only_mode")) stopped |= GATE.background | GATE.writes;
    if (cells.isWhole("maintenance_mode")) stopped |= ALL_WORK;
    cells.stop(stopped);
  }
}
