import { asFault, Fault, type Layout } from "../base/mod.ts";
import { requireWholePages, type StoreFacts, storeFacts } from "../storage/mod.ts";
import { readArchive } from "./archive.ts";
import { Kernel } from "./kernel.ts";
import type { Metadata } from "./metadata.ts";
import { checkSeal } from "./seal.ts";
import { FileSink } from "./sink.ts";
import { requireFileSize, requireSpace } from "./space.ts";
import type { Report } from "./verify.ts";

/**
 * Unpacks an archive's database to `place.database` on the disk, once its seal, hashes and sizes hold, and makes sure
 * that it is a whole store of ours that fits what the archive says of it.
 * @throws Fault damaged, disk_full, storage_error; whatever was written is for the caller to remove
 */
export async function unpackArchive(path: string, place: Layout, report: Report): Promise<Metadata> {
  const length = await checkSeal(path, (done, total) => report("checking the seal", done, total));
  const kernel = await Kernel.open();
  let sink: FileSink | undefined;
  try {
    const metadata = await readArchive(
      path,
      length,
      {
        begin({ files }) {
          const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
          requireSpace(place.dir, bytes, "the restored database");
          requireFileSize(place.dir, bytes);
          sink = new FileSink(place.database, kernel, true);
        },
        data: (chunk) => sink!.put(chunk),
      },
      (done, total) => report("unpacking", done, total),
    );
    sink!.sync();
    requireOurs(path, place, metadata);
    return metadata;
  } finally {
    sink?.destroy();
  }
}

function requireOurs(path: string, place: Layout, metadata: Metadata): void {
  let facts: StoreFacts;
  try {
    requireWholePages(place);
    facts = storeFacts(place);
  } catch (cause) {
    throw new Fault("damaged", `${path} holds no store that can be used: ${asFault(cause).message}`, {
      cause,
    });
  }
  const told = [metadata.node_id, metadata.schema_version, metadata.counts.atoms, metadata.counts.worlds];
  if (Bun.deepEquals(told, [facts.nodeId, facts.schemaVersion, facts.atoms, facts.worlds])) return;
  throw new Fault("damaged", `${path} holds another store than its metadata says; take another backup`);
}
