import { closeSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { exitOf, LIMITS, layout } from "../../base/mod.ts";
import { type Bench, type FaultKind, startAgain } from "./types.ts";

const DAMAGED = exitOf("damaged");
/** Bytes of a page that a bad sector changes. */
const BAD_BYTES = 64;

/**
 * A page of the database goes bad while the node is stopped. The deep check must see it if anything is stored there; a
 * repair must save all atoms but those that it speaks of.
 */
export const damagedPage: FaultKind = {
  name: "damaged_page",
  async make(bench) {
    const { node, workload } = bench;
    await workload.stop();
    await node.stop();
    const page = damage(bench);
    const where = `page ${page} of the database was damaged`;
    const found = await bench.run(["storage", "check", "--deep", "--json", "--data-dir", node.dataDir]);
    if (found.code === 0) {
      return {
        detail: `${where}, where nothing is stored`,
        problems: [],
        recovered_ms: await startAgain(bench),
      };
    }
    const problems = found.code === DAMAGED ? [] : [`the check ended with ${found.code}: ${found.err}`];
    const named = await repair(bench, problems);
    const recovered_ms = await startAgain(bench);
    const missing = bench.model
      .judge(await workload.read(node.url))
      .filter(({ problem }) => problem === "lost");
    if (missing.length > named)
      problems.push(`${missing.length} atoms are missing, and the repair spoke of ${named}`);
    bench.model.excuse(missing.map(({ id }) => id));
    return {
      detail: `${where}; ${missing.length} atoms are gone, as the repair said`,
      problems,
      recovered_ms,
    };
  },
};

/** Overwrites a part of a random page behind the first. @returns its number */
function damage({ node, dice }: Bench): number {
  const path = layout(node.dataDir).database;
  const page = 2 + dice.below(statSync(path).size / LIMITS.pageSize - 1);
  const fd = openSync(path, "r+");
  try {
    const bytes = Buffer.alloc(BAD_BYTES);
    const at = (page - 1) * LIMITS.pageSize + dice.below(LIMITS.pageSize - BAD_BYTES);
    readSync(fd, bytes, 0, bytes.length, at);
    writeSync(
      fd,
      bytes.map((byte) => byte ^ (1 + dice.below(255))),
      0,
      bytes.length,
      at,
    );
  } finally {
    closeSync(fd);
  }
  return page;
}

/** Repairs the store, which must then be whole, and removes the damaged file. @returns how many atoms it called lost */
async function repair({ node, run }: Bench, problems: string[]): Promise<number> {
  const { code, out, err } = await run(["storage", "repair", "--json", "--data-dir", node.dataDir]);
  if (code !== 0 && code !== DAMAGED) problems.push(`the repair ended with ${code}: ${err}`);
  const checked = await run(["storage", "check", "--deep", "--data-dir", node.dataDir]);
  if (checked.code !== 0) problems.push(`the repaired store is not whole: ${checked.err || checked.out}`);
  rmSync(layout(node.dataDir).damaged, { force: true });
  const { lost = [], unnamed = 0 } = out === "" ? {} : JSON.parse(out);
  return lost.length + unnamed;
}
