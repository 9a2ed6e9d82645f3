import type { Database } from "bun:sqlite";
import { bytesToId } from "../base/mod.ts";
import { unlessCorrupt } from "./faults.ts";
import { targetKey, trustOf } from "./links.ts";
import type { DocRow } from "./reader.ts";
import { linkKindNumber } from "./rows.ts";
import { DOC } from "./schema.ts";

const SUPERSEDES = linkKindNumber("supersedes");
const CONFIRMS = linkKindNumber("confirms");
const CONTRADICTS = linkKindNumber("contradicts");
/** Links to one atom that are looked at, newest first. */
const LINKS = 1000;

interface Head {
  id: Uint8Array;
  worker: string;
}

/** A link to an atom. */
interface Voice {
  kind: number;
  seq: number;
  worker: string;
}

/** What other atoms of its world say about an atom. */
export interface Evidence {
  /** Distinct other workers that confirm it. */
  confirms: number;
  /** Distinct workers, its own included, that contradict it. */
  contradicts: number;
  /** Sequences of the atoms that supersede it, newest first. */
  superseders: number[];
}

/**
 * Reads what the ranker weighs beside an atom's own words. Atoms in quarantine and old versions have no say. Only names
 * and ids are read here, so a damaged row does no harm; what stands on a page that is not in order has no say either.
 */
export class EvidenceReader {
  /** By the hash of the worker's name. */
  private readonly trusts = new Map<number, number>();
  private readonly voted: boolean;

  constructor(
    private readonly db: Database,
    private readonly world: number,
  ) {
    this.voted = db.query("SELECT 1 FROM trust WHERE world = ? LIMIT 1").get(world) !== null;
  }

  /** Trust in an atom's worker, 0.5 where nobody has voted in this world. */
  trustIn(doc: Pick<DocRow, "seq" | "worker">): number {
    if (!this.voted) return 0.5;
    let trust = this.trusts.get(doc.worker);
    if (trust === undefined) {
      const worker = this.head(doc.seq)?.worker;
      trust = worker === undefined ? 0.5 : trustOf(this.db, this.world, worker).trust;
      this.trusts.set(doc.worker, trust);
    }
    return trust;
  }

  of(seq: number): Evidence {
    const head = this.head(seq);
    if (!head) return { confirms: 0, contradicts: 0, superseders: [] };
    const query = this.db.query<Voice, [string, number, number]>(
      `SELECT link.kind AS kind, link.seq AS seq, atom.worker AS worker FROM link
         JOIN atom ON atom.seq = link.seq JOIN doc ON doc.world = atom.world AND doc.seq = atom.seq
         WHERE link.target = ? AND link.kind IN (${SUPERSEDES}, ${CONFIRMS}, ${CONTRADICTS}) AND atom.world = ?
         AND link.seq <> ? AND (doc.bits & ${DOC.quarantined | DOC.old}) = 0
         ORDER BY link.seq DESC LIMIT ${LINKS}`,
    );
    const target = targetKey(this.db, bytesToId(head.id));
    const links = unlessCorrupt(
      () => query.all(target, this.world, seq),
      () => [],
    );
    const workers = (kind: number): Set<string> =>
      new Set(links.filter((link) => link.kind === kind).map((link) => link.worker));
    const confirming = workers(CONFIRMS);
    confirming.delete(head.worker);
    return {
      confirms: confirming.size,
      contradicts: workers(CONTRADICTS).size,
      superseders: links.filter((link) => link.kind === SUPERSEDES).map((link) => link.seq),
    };
  }

  private head(seq: number): Head | undefined {
    const query = this.db.query<Head, [number]>("SELECT id, worker FROM atom WHERE seq = ?");
    return unlessCorrupt(
      () => query.get(seq) ?? undefined,
      () => undefined,
    );
  }
}
