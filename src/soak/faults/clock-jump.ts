import { CLOCK_SHIFT_VARIABLE } from "../../base/mod.ts";
import { type FaultKind, killUnderLoad, startAgain } from "./types.ts";

const YEAR_MS = 365 * 24 * 3_600_000;
const WRONG_MS = 2000;

/** The device comes up with a clock that is years off, remembers, and comes up right again. */
export const clockJump: FaultKind = {
  name: "clock_jump",
  async make(bench) {
    const { node, workload, dice } = bench;
    await killUnderLoad(bench);
    const years = (dice.below(2) === 0 ? -1 : 1) * (1 + dice.below(20));
    await startAgain(bench, { [CLOCK_SHIFT_VARIABLE]: String(years * YEAR_MS) });
    await workload.settle(node.url);
    workload.start(node.url);
    await Bun.sleep(WRONG_MS);
    await workload.stop();
    await node.kill();
    const recovered_ms = await startAgain(bench);
    return {
      detail: `the clock was ${years} years off for ${WRONG_MS / 1000} s`,
      problems: [],
      recovered_ms,
    };
  },
};
