import { dirname, resolve } from "node:path";
import { layout, removeWork, workDirectory } from "../base/mod.ts";
import { type Examined, examine } from "./examine.ts";
import type { Metadata } from "./metadata.ts";
import { unpackArchive } from "./unpack.ts";
import type { Report } from "./verify.ts";

export interface Drill extends Examined {
  metadata: Metadata;
}

/**
 * Restores an archive beside itself, or in `dir`, opens the copy, checks it deeply, compares its counts, and removes it.
 * @throws Fault damaged, disk_full, storage_error, forbidden (its key is wrong)
 */
export async function drillArchive(
  path: string,
  report: Report,
  dir = dirname(resolve(path)),
): Promise<Drill> {
  const work = workDirectory(dir);
  try {
    const metadata = await unpackArchive(path, layout(work), report);
    return { metadata, ...examine(layout(work), report) };
  } finally {
    removeWork(work);
  }
}
