import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bytesToId } from "../../base/mod.ts";
import { StoreReader } from "../../storage/mod.ts";
import type { Found, Loss } from "../model.ts";
import type { Bench, FaultKind } from "./types.ts";

/** A backup under load, verified, restored beside the node and compared with what was acknowledged when it began. */
export const backup: FaultKind = {
  name: "backup_restore",
  async make(bench) {
    const { node, model, volume } = bench;
    const file = join(volume.under("backups"), "soak.tzst");
    const restored = join(volume.under("backups"), "restored");
    const problems: string[] = [];
    try {
      const since = model.snapshot();
      await step(bench, problems, ["backup", "create", "--data-dir", node.dataDir, "--out", file]);
      await step(bench, problems, ["backup", "verify", file]);
      await step(bench, problems, ["backup", "restore", "--input", file, "--data-dir", restored]);
      await step(bench, problems, ["storage", "check", "--deep", "--data-dir", restored]);
      if (existsSync(restored)) {
        problems.push(...model.judgeCopy(readStore(restored), since).map(sentenceOf));
      }
      return { detail: `${since.size} atoms were backed up under load, verified and restored`, problems };
    } finally {
      for (const path of [file, restored]) rmSync(path, { recursive: true, force: true });
    }
  },
};

async function step({ run }: Bench, problems: string[], args: readonly string[]): Promise<void> {
  const { code, err } = await run(args);
  if (code !== 0)
    problems.push(`dwbase ${args.slice(0, 2).join(" ")} ended with ${code}: ${err.slice(0, 400)}`);
}

/** Everything that a stopped store holds. */
function readStore(dir: string): Found[] {
  const reader = new StoreReader(dir);
  try {
    const found: Found[] = [];
    for (const world of [...reader.worlds()]) {
      for (const { seq } of [...reader.docs(world.id)]) {
        const row = reader.atomBySeq(seq);
        if (row) found.push({ id: bytesToId(row.id), world: world.name, payload_json: row.payload });
      }
    }
    return found;
  } finally {
    reader.close();
  }
}

function sentenceOf({ id, world, problem }: Loss): string {
  return `the copy is not right: atom ${id} of ${world} is ${problem}`;
}
