import { type FaultKind, killUnderLoad, startAgain } from "./types.ts";

/** kill -9 in the middle of requests. */
export const kill: FaultKind = {
  name: "kill",
  async make(bench) {
    await killUnderLoad(bench);
    return {
      detail: "the node was killed under load and started again",
      problems: [],
      recovered_ms: await startAgain(bench),
    };
  },
};
