import type { Fault } from "../../src/base/mod.ts";
import type { ControlAct, ControlState, ControlStore } from "../../src/control/mod.ts";

/** A store in memory; it waits for `gate` and fails when told to. */
export class MemoryControl implements ControlStore {
  state: ControlState | undefined;
  readonly acts: ControlAct[] = [];
  fault: Fault | undefined;
  gate: Promise<void> = Promise.resolve();

  async loadControl() {
    return this.state;
  }

  async saveControl(state: ControlState, act: ControlAct) {
    await this.gate;
    if (this.fault) throw this.fault;
    this.state = structuredClone(state);
    this.acts.push(act);
  }

  async noteControl(act: ControlAct) {
    this.acts.push(act);
  }
}
