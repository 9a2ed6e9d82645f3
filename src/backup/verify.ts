import { readArchive } from "./archive.ts";
import type { Metadata } from "./metadata.ts";
import { checkSeal } from "./seal.ts";

export type Report = (what: string, done: number, total: number) => void;

/**
 * Reads every byte of an archive and checks every hash; nothing is unpacked.
 * @returns what it says of itself
 * @throws Fault damaged, storage_error
 */
export async function verifyArchive(path: string, report: Report = () => {}): Promise<Metadata> {
  const length = await checkSeal(path, (done, total) => report("checking the seal", done, total));
  return readArchive(path, length, { begin: () => {}, data: () => {} }, (done, total) =>
    report("checking the content", done, total),
  );
}
