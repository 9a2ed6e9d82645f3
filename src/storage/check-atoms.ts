import type { Database } from "bun:sqlite";
import { bytesToId } from "../base/mod.ts";
import { verifyAudit } from "./audit.ts";
import type { Report } from "./check-report.ts";
import { VectorCheck } from "./check-vectors.ts";
import { docBits } from "./insert.ts";
import { targetKey } from "./links.ts";
import { ATOM_SELECT, type AtomRow, atomBytes, idOf, linkKindNumber, linksOf, loadAtom } from "./rows.ts";
import { DOC } from "./schema.ts";
import { hash52 } from "./sums.ts";
import { indexedText } from "./terms.ts";
import { coveredSeq } from "./text-index.ts";
import { storedTokens, type Vault, vaultOf } from "./vault.ts";
import type { VectorMaker } from "./vector-rows.ts";

const SUPERSEDES = linkKindNumber("supersedes");

interface WorldTotals {
  atoms: number;
  docs: number;
  tokens: number;
  bytes: number;
  quarantined: number;
}

const TOTALS = ["atoms", "docs", "tokens", "bytes", "quarantined"] as const;

/** Order-free fingerprint of the tokens of an atom: the sum of their hashes by position. */
function fingerprint(tokens: string): number {
  let sum = 0;
  if (tokens !== "")
    tokens.split(" ").forEach((t, at) => {
      sum = (sum + Bun.hash.xxHash32(`${t} ${at}`)) | 0;
    });
  return sum;
}

interface ThinRow {
  ts_ms: number;
  len: number;
  kind: number;
  importance: number;
  worker: number;
  bits: number;
}

function sameFacts(doc: ThinRow, row: AtomRow, length: number): boolean {
  return (
    doc.ts_ms === row.ts_ms &&
    doc.len === length &&
    doc.kind === row.kind &&
    doc.importance === row.importance &&
    doc.worker === hash52(row.worker)
  );
}

/**
 * Every atom's checksum, and everything derived from atoms computed again: thin rows, links, threads, subjects, text
 * index, vectors, counts.
 */
export class DeepCheck {
  private readonly expected = new Map<number, number>();
  private readonly totals = new Map<number, WorldTotals>();
  /** Atoms beyond it are in the tail, not in FTS5. */
  private readonly covered: number;
  private links = 0;
  private readonly vault: Vault | undefined;
  private readonly vectors: VectorCheck;

  constructor(
    private readonly db: Database,
    private readonly report: Report,
    vectors: VectorMaker | undefined,
    private readonly onProgress: ((done: number, total: number) => void) | undefined,
  ) {
    this.covered = coveredSeq(db);
    this.vectors = new VectorCheck(db, vectors, report);
    this.vault = vaultOf(db);
  }

  run(): void {
    const { report } = this;
    const whole = report.part("atom", () => this.atoms());
    report.part("doc", () => this.threads());
    report.part("subject", () => this.subjects());
    report.part("audit", () => {
      for (const problem of verifyAudit(this.db).findings) report.add({ table: "audit", problem });
    });
    // without all atoms there is nothing to hold the rest against
    if (!whole) return;
    report.part("doc", () => this.count("doc", report.counts.atom!));
    report.part("link", () => this.count("link", this.links));
    report.part("vec", () => this.vectors.finish());
    report.part("world", () => this.worlds());
    report.part("text", () => this.text());
  }

  private atoms(): void {
    const total = this.db.query<{ n: number }, []>("SELECT count(*) AS n FROM atom").get()!.n;
    let done = 0;
    for (const row of this.db.query<AtomRow, []>(`${ATOM_SELECT} ORDER BY seq`).iterate()) {
      this.atom(loadAtom(this.db, row));
      done += 1;
      if (done % 1000 === 0) this.onProgress?.(done, total);
    }
    this.onProgress?.(total, total);
    this.report.counts.atom = done;
  }

  private atom(row: AtomRow): void {
    if (!row.sound) {
      const id = idOf(row);
      const problem = "the atom does not fit its checksum";
      this.report.add({ table: "atom", seq: row.seq, ...(id === undefined ? {} : { id }), problem });
      return;
    }
    const indexed = indexedText(row);
    const doc = this.db
      .query<ThinRow, [number, number]>(
        "SELECT ts_ms, len, kind, importance, worker, bits FROM doc WHERE world = ? AND seq = ?",
      )
      .get(row.world, row.seq);
    const bits = docBits(row, indexed.features) | this.bitsByOthers(row);
    if (doc === null || !sameFacts(doc, row, indexed.length)) {
      this.derived("doc", row, "the thin row is missing or does not fit the atom");
    } else if (doc.bits !== bits) {
      this.derived("doc", row, "the bits do not fit the atom, its links or its subject");
    }
    const head = ((doc?.bits ?? 0) & DOC.old) === 0;
    if (head && row.seq <= this.covered)
      this.expected.set(row.seq, fingerprint(storedTokens(this.vault, indexed.tokens)));
    this.tally(row, head ? indexed.length : undefined, ((doc?.bits ?? 0) & DOC.quarantined) !== 0);
    this.checkLinks(row);
    if (head) this.vectors.atom(row, indexed.meaning);
  }

  /** Bits that other atoms give: by their links, or as newer versions of the subject. */
  private bitsByOthers(row: AtomRow): number {
    const linked = this.db
      .query<{ superseded: number | null; held: number | null }, [string, number, number]>(
        `SELECT max(link.kind = ${SUPERSEDES}) AS superseded, max(link.kind <> ${SUPERSEDES}) AS held
         FROM link JOIN atom ON atom.seq = link.seq WHERE target = ? AND atom.world = ? AND atom.seq <> ?`,
      )
      .get(targetKey(this.db, bytesToId(row.id)), row.world, row.seq)!;
    const head =
      row.subject === null
        ? null
        : this.db
            .query<{ head_seq: number }, [Uint8Array]>("SELECT head_seq FROM subject WHERE id = ?")
            .get(row.subject);
    return (
      (linked.superseded ? DOC.superseded : 0) |
      (linked.held ? DOC.held : 0) |
      (head && head.head_seq !== row.seq ? DOC.old : 0)
    );
  }

  private derived(table: string, row: AtomRow, problem: string): void {
    this.report.add({ table, seq: row.seq, id: bytesToId(row.id), problem });
  }

  private tally(row: AtomRow, length: number | undefined, quarantined: boolean): void {
    const totals = this.totals.get(row.world) ?? { atoms: 0, docs: 0, tokens: 0, bytes: 0, quarantined: 0 };
    totals.atoms += 1;
    totals.bytes += atomBytes(row);
    totals.quarantined += quarantined ? 1 : 0;
    if (length !== undefined) {
      totals.docs += 1;
      totals.tokens += length;
    }
    this.totals.set(row.world, totals);
  }

  private checkLinks(row: AtomRow): void {
    const seen = new Set<string>();
    for (const link of linksOf(row.links)) {
      const key = [targetKey(this.db, link.target), linkKindNumber(link.kind)] as const;
      if (seen.has(key.join(" "))) continue;
      seen.add(key.join(" "));
      this.links += 1;
      const there = this.db
        .query("SELECT 1 FROM link WHERE target = ? AND kind = ? AND seq = ?")
        .get(...key, row.seq);
      if (there === null)
        this.derived("link", row, `the link to ${link.target} is missing from the look-up table`);
    }
  }

  private count(table: string, expected: number): void {
    const n = this.db.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()!.n;
    this.report.counts[table] = n;
    if (n !== expected) this.report.add({ table, problem: `${n} rows where the atoms ask for ${expected}` });
  }

  /** Each neighbour in a thread must point back. */
  private threads(): void {
    for (const [to, back] of [
      ["next", "prev"],
      ["prev", "next"],
    ] as const) {
      const broken = this.db.query<{ seq: number }, []>(
        `SELECT seq FROM doc WHERE ${to} <> 0 AND NOT EXISTS (SELECT 1 FROM doc AS other
         WHERE other.world = doc.world AND other.seq = doc.${to} AND other.${back} = doc.seq
         AND other.thread = doc.thread)`,
      );
      for (const { seq } of broken.iterate())
        this.report.add({
          table: "doc",
          seq,
          problem: `the thread is broken: the ${to} atom does not point back`,
        });
    }
  }

  /** A subject and its newest atom name each other, and edges tie subjects of one world. */
  private subjects(): void {
    if (this.db.query("SELECT 1 FROM sqlite_schema WHERE name = 'edge'").get() === null) return;
    const lost = this.db.query<{ seq: number }, []>(
      `SELECT seq FROM atom WHERE subject IS NOT NULL AND world NOT IN (SELECT id FROM world WHERE state = 2) AND NOT EXISTS (SELECT 1 FROM subject
       WHERE subject.id = atom.subject AND subject.world = atom.world AND subject.head_seq >= atom.seq)
       UNION SELECT head_seq FROM subject WHERE NOT EXISTS (SELECT 1 FROM atom
       WHERE atom.seq = subject.head_seq AND atom.subject = subject.id)`,
    );
    for (const { seq } of lost.iterate())
      this.report.add({ table: "subject", seq, problem: "a subject and its newest version do not fit" });
    const loose = this.db.query(
      `SELECT 1 FROM edge WHERE NOT EXISTS (SELECT 1 FROM subject WHERE id = edge.source AND world = edge.world)
       OR NOT EXISTS (SELECT 1 FROM subject WHERE id = edge.target AND world = edge.world)`,
    );
    for (const _ of loose.iterate())
      this.report.add({ table: "edge", problem: "an edge leads to a subject that is not there" });
  }

  private text(): void {
    const found = new Map<number, number>();
    let n = 0;
    const rows = this.db.query<{ term: string; doc: number; offset: number }, []>(
      "SELECT term, doc, offset FROM text_v1_instance",
    );
    for (const { term, doc, offset } of rows.iterate()) {
      n += 1;
      found.set(doc, ((found.get(doc) ?? 0) + Bun.hash.xxHash32(`${term} ${offset}`)) | 0);
    }
    this.report.counts.text = n;
    for (const [seq, sum] of this.expected) {
      if ((found.get(seq) ?? 0) !== sum) {
        this.report.add({ table: "text", seq, problem: "the text index does not hold the atom's words" });
      }
      found.delete(seq);
    }
    for (const seq of found.keys()) {
      this.report.add({
        table: "text",
        seq,
        problem: "the text index holds words of an atom that is not there",
      });
    }
  }

  private worlds(): void {
    for (const row of this.db
      .query<{ id: number; name: string } & WorldTotals, []>("SELECT * FROM world")
      .iterate()) {
      const totals = this.totals.get(row.id) ?? { atoms: 0, docs: 0, tokens: 0, bytes: 0, quarantined: 0 };
      for (const column of TOTALS) {
        if (row[column] !== totals[column]) {
          this.report.add({
            table: "world",
            problem: `world "${row.name}" counts ${row[column]} ${column}, found ${totals[column]}`,
          });
        }
      }
      this.totals.delete(row.id);
    }
    for (const id of this.totals.keys())
      this.report.add({ table: "world", problem: `world number ${id} has atoms and no row` });
  }
}
