import { rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { layout } from "../base/mod.ts";
import { checkStore, type Finding } from "../storage/mod.ts";
import type { Metadata } from "./metadata.ts";
import { workDirectory } from "./space.ts";
import { unpackArchive } from "./unpack.ts";
import type { Report } from "./verify.ts";

export interface Drill {
  metadata: Metadata;
  /** What the deep check of the restored copy found; [] = it is whole. */
  findings: Finding[];
}

/**
 * Restores an archive beside itself, opens the copy, checks it deeply, compares its counts, and removes it.
 * @throws Fault damaged, disk_full, storage_error, forbidden (encrypted, and its key is not at hand)
 */
export async function drillArchive(path: string, report: Report): Promise<Drill> {
  const work = workDirectory(dirname(resolve(path)));
  try {
    const metadata = await unpackArchive(path, layout(work), report);
    report("checking the restored copy", 0, 1);
    const { findings } = checkStore(work, { deep: true });
    return { metadata, findings };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
