import { formatTime } from "../base/mod.ts";
import { type Space, spaceName } from "../embedder/mod.ts";
import {
  type Keyring,
  newestSpace,
  StoreReader,
  spaceId,
  unembedded,
  type WorldRow,
} from "../storage/mod.ts";
import type { AnnStatus } from "../vector/mod.ts";

export interface VectorState {
  /** The space that new atoms are embedded in; undefined without an embedder. */
  readonly space: Space | undefined;
  status(world: number): AnnStatus | undefined;
}

/** A row of /index/status. Exact scans serve a world while its graph is built, so that it is always ready. */
function indexRow(world: WorldRow, pending: number, vectors: VectorState) {
  const { space } = vectors;
  const graph = vectors.status(world.id);
  const embedded = world.docs === 0 ? 1 : (world.docs - pending) / world.docs;
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : formatTime(ms));
  const serves = graph !== undefined && graph.indexed > 0;
  return {
    world: world.name,
    version: space?.version ?? 1,
    embedder_version: space ? spaceName(space) : null,
    last_rebuilt: time(graph?.lastRebuilt),
    ready: true,
    rebuilding: pending > 0 || (graph?.rebuilding ?? false),
    progress: pending > 0 ? embedded : (graph?.progress ?? 1),
    started_at: time(graph?.startedAt),
    last_progress: time(graph?.lastRebuilt ?? graph?.startedAt),
    mode: space === undefined ? "lexical" : serves ? "ann" : "exact",
    indexed: world.docs - pending,
    pending,
  };
}

/** The rows of /index/status of some worlds. */
export function indexRows(reader: StoreReader, worlds: Iterable<WorldRow>, vectors: VectorState) {
  const id = vectors.space && spaceId(reader.db, vectors.space);
  return Array.from(worlds, (world) => {
    const pending = id === undefined ? 0 : unembedded(reader.db, id, world.id);
    return indexRow(world, pending, vectors);
  });
}

/**
 * /index/status of a directory, beside a running node or not, in the space that was embedded in last. Graphs are known
 * to a node alone: until it has loaded them, worlds are scanned.
 * @throws Fault not_found, damaged, forbidden (a key is missing or wrong)
 */
export function indexStatusOf(dataDir: string, keyring: Keyring): ReturnType<typeof indexRows> {
  const reader = new StoreReader(dataDir, undefined, keyring);
  try {
    return indexRows(reader, reader.worlds(), { space: newestSpace(reader.db), status: () => undefined });
  } finally {
    reader.close();
  }
}
