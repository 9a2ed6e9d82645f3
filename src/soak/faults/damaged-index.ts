import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../../base/mod.ts";
import { type FaultKind, startAgain, until } from "./types.ts";

const QUESTIONS = 20;
const FLIPS = 16;
/** Part of the best answers that must be the same: an approximate index may swap near ties. */
const SAME = 0.97;
const BUILT_MS = 20_000;

/** Flips bits in every file of the vector index while the node is stopped: the answers stay what they were. */
export const damagedIndex: FaultKind = {
  name: "damaged_index",
  async make(bench) {
    const { node, workload, dice } = bench;
    await workload.stop();
    const dir = layout(node.dataDir).index;
    const files = () => (existsSync(dir) ? readdirSync(dir).filter((name) => !name.includes(".tmp")) : []);
    const questions = workload.questions(QUESTIONS);
    let before: string[][] = [];
    // a file that a forget took away is built again once somebody asks
    await until(async () => {
      before = await workload.answers(node.url, questions);
      return files().length > 0;
    }, BUILT_MS);
    await node.kill();
    for (const name of files()) {
      const path = join(dir, name);
      const bytes = readFileSync(path);
      for (let n = 0; n < FLIPS; n++) bytes[dice.below(bytes.length)]! ^= 1 << dice.below(8);
      writeFileSync(path, bytes);
    }
    const damaged = files().length;
    const recovered_ms = await startAgain(bench);
    const after = await workload.answers(node.url, questions);
    const overlap = overlapOf(before, after);
    return {
      detail: `${damaged} index files were damaged; ${Math.round(overlap * 1000) / 10} % of the answers are the same`,
      problems: overlap < SAME ? [`only ${Math.round(overlap * 100)} % of the answers are the same`] : [],
      recovered_ms,
    };
  },
};

function overlapOf(before: readonly string[][], after: readonly string[][]): number {
  let all = 0;
  let same = 0;
  before.forEach((ids, at) => {
    const now = new Set(after[at]);
    all += ids.length;
    same += ids.filter((id) => now.has(id)).length;
  });
  return all === 0 ? 1 : same / all;
}
