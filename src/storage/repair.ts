import { closeSync, existsSync, openSync, readSync, rmSync } from "node:fs";
import { Fault, type Layout } from "../base/mod.ts";
import { checkStore } from "./check.ts";
import { EDGE } from "./edges.ts";
import { type Keyring, keyringOf } from "./keyring.ts";
import { META } from "./meta.ts";
import { type OfflineOptions, withLock } from "./offline.ts";
import { buildDatabase, installDatabase, type SourceVector, type TruthSource } from "./rebuild.ts";
import type { AtomRow } from "./rows.ts";
import { Salvage } from "./salvage.ts";
import { APPLICATION_ID, MIGRATIONS, STATE } from "./schema.ts";
import { SUBJECT, type SubjectRow } from "./subjects.ts";
import type { TruthTable } from "./truth-table.ts";
import { WORLD, type WorldRow } from "./worlds.ts";

export interface RepairReport {
  /** Nothing was damaged, and nothing was done. */
  whole: boolean;
  /** Atoms in the store now. */
  atoms: number;
  /** Atoms that could not be read; `world` is null where its name cannot be told. */
  lost: { seq: number; world: string | null }[];
  /** Atoms that worlds had counted beyond those, and nothing names. */
  unnamed: number;
  /** What else is not as it was, a sentence each. */
  notes: string[];
  /** The damaged database, kept. */
  aside: string | null;
}

/** What was salvaged, made to fit together: every atom has a world, every subject its newest version. */
class RepairSource implements TruthSource {
  readonly sentKey: Uint8Array | undefined;
  readonly worlds: WorldRow[];
  readonly notes: string[] = [];
  /** Atoms that can be read, by world. */
  readonly counts = new Map<number, number>();
  private readonly heads = new Map<string, AtomRow>();

  constructor(private readonly salvage: Salvage) {
    this.sentKey = salvage.sentKey;
    for (const row of this.atoms()) {
      this.counts.set(row.world, (this.counts.get(row.world) ?? 0) + 1);
      if (row.subject) this.heads.set(row.subject.toHex(), row);
    }
    this.worlds = this.allWorlds();
  }

  *atoms(): Generator<AtomRow> {
    for (const seq of this.salvage.seqs) {
      const row = this.salvage.atom(seq);
      if (row) yield row;
    }
  }

  rows<Row extends object>(table: TruthTable<Row>): Iterable<Row> {
    if (table.name === WORLD.name) return this.worlds as unknown as Row[];
    if (table.name === SUBJECT.name) return this.subjects() as unknown as Row[];
    const rows = this.salvage.rows(table);
    if (table.name !== EDGE.name) return rows;
    const there = (id: Uint8Array): boolean => this.heads.has(id.toHex());
    return this.salvage.rows(EDGE).filter(({ source, target }) => there(source) && there(target)) as Row[];
  }

  *vectors(): Generator<SourceVector> {}

  /** Worlds whose record is lost get another, with their memories. */
  private allWorlds(): WorldRow[] {
    const worlds = this.salvage.rows(WORLD);
    const known = new Set(worlds.map(({ id }) => id));
    for (const id of this.counts.keys()) {
      if (known.has(id)) continue;
      const name = `recovered-${id}`;
      this.notes.push(`the record of world number ${id} was lost; its memories are in "${name}"`);
      worlds.push(unnamedWorld(id, name));
    }
    return worlds;
  }

  /** A subject goes back to its newest version that is left; one whose record is lost begins anew. */
  private subjects(): SubjectRow[] {
    const rows = new Map(this.salvage.rows(SUBJECT).map((row) => [row.id.toHex(), row]));
    return [...this.heads].map(([key, head]) => {
      const row = rows.get(key);
      return row ? { ...row, head_seq: head.seq, version: head.version } : newSubject(head);
    });
  }
}

function unnamedWorld(id: number, name: string): WorldRow {
  const counts = { atoms: 0, docs: 0, tokens: 0, bytes: 0, quarantined: 0 };
  const loose = { loose_seq: 0, loose_thread: 0, loose_pos: 0, loose_ms: 0 };
  const rest = { last_seq: 0, newest_ms: 0, forget_epoch: 0, created_ms: 0, description: "", labels: "[]" };
  return { id, name, state: STATE.active, ...counts, ...loose, ...rest };
}

function newSubject(head: AtomRow): SubjectRow {
  const { subject, world, family, seq, version, ts_ms, recorded_ms } = head;
  const fresh = { stability: 1, difficulty: 0, accesses: 0, accessed_ms: 0, reviews: 0, state: "" };
  return { id: subject!, world, family, head_seq: seq, version, ts_ms, created_ms: recorded_ms, ...fresh };
}

/**
 * Salvages what can be read of a damaged store into a new database, which takes its place; the damaged one is kept
 * aside. Keys, policies, tombstones and every other row of the truth that fits its checksum stay.
 * @throws Fault not_found, forbidden (a key is missing or wrong), storage_error (a node uses it, or it is of a newer
 *   dwbase), damaged when nothing of a store can be found, disk_full; the directory is then as it was
 */
export function repairStore(dataDir: string, options: OfflineOptions = {}): RepairReport {
  const keyring = { keys: (options.keyring ?? keyringOf(process.env)).keys };
  return withLock(dataDir, (place) => {
    if (!existsSync(place.damagedWal) && isWhole(dataDir, keyring, options)) {
      return { whole: true, atoms: 0, lost: [], unnamed: 0, notes: [], aside: null };
    }
    refuseNewer(place);
    const salvage = new Salvage(place, keyring);
    try {
      return rebuildFrom(place, salvage, keyring, options);
    } finally {
      salvage.close();
    }
  });
}

function isWhole(dataDir: string, keyring: Keyring, { vectors }: OfflineOptions): boolean {
  try {
    return checkStore(dataDir, { deep: true, keyring, ...(vectors ? { vectors } : {}) }).clean;
  } catch (cause) {
    if (cause instanceof Fault && ["forbidden", "not_found", "disk_full"].includes(cause.code)) throw cause;
    return false;
  }
}

/** What this dwbase does not know it cannot save. The header is read as bytes: the database may not open. */
function refuseNewer(place: Layout): void {
  const head = Buffer.alloc(100);
  const fd = openSync(place.database, "r");
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  const version = head.readUInt32BE(60);
  const newest = MIGRATIONS.at(-1)!.version;
  // a version far beyond is no version
  if (head.readUInt32BE(68) !== APPLICATION_ID || version <= newest || version > newest + 1000) return;
  const message = `${place.database} has schema ${version}, newer than the ${newest} this dwbase knows; repair it with the newer one`;
  throw new Fault("storage_error", message, { op: "repair" });
}

function rebuildFrom(
  place: Layout,
  salvage: Salvage,
  keyring: Keyring,
  { vectors, clock, onProgress }: OfflineOptions,
): RepairReport {
  const source = new RepairSource(salvage);
  const total = salvage.seqs.length;
  if (total === 0 && salvage.rows(META).length === 0) {
    const message = `nothing of a dwbase store can be found in ${place.database}; restore a backup`;
    throw new Fault("damaged", message, { op: "repair" });
  }
  const { keyId } = salvage;
  const fresh = buildDatabase(place, source, {
    keyring: keyId === undefined ? keyring : { ...keyring, wanted: keyId },
    ...(vectors ? { vectors } : {}),
    ...(clock ? { clock } : {}),
    onProgress: (done) => onProgress?.(done, total),
    // entries that are lost leave a gap that must stay to be seen
    tolerates: ({ table }) => table === "audit",
  });
  installDatabase(place, fresh, place.damaged);
  rmSync(place.damagedWal, { force: true });
  return { whole: false, atoms: total, ...lossOf(salvage, source), aside: place.damaged };
}

function lossOf(salvage: Salvage, source: RepairSource): Pick<RepairReport, "lost" | "unnamed" | "notes"> {
  const names = new Map(source.worlds.map(({ id, name }) => [id, name]));
  const lost = [...salvage.lost.values()].sort((a, b) => a.seq - b.seq);
  let unnamed = 0;
  for (const { id, atoms } of source.worlds) {
    const named = lost.filter(({ world }) => world === id).length;
    unnamed += Math.max(0, atoms - (source.counts.get(id) ?? 0) - named);
  }
  const notes = [...source.notes];
  if (salvage.unreadable.size > 0)
    notes.push(`the device did not give ${salvage.unreadable.size} of the database's pages; check the disk`);
  return {
    lost: lost.map(({ seq, world }) => ({ seq, world: names.get(world ?? 0) ?? null })),
    unnamed,
    notes,
  };
}
