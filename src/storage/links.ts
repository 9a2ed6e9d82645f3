import type { Database } from "bun:sqlite";
import type { Link } from "../atom/mod.ts";
import { bytesToId, idToBytes, isId, LIMITS } from "../base/mod.ts";
import { linkKindNumber } from "./rows.ts";
import { DOC } from "./schema.ts";
import { TruthTable } from "./truth-table.ts";
import { vaultOf } from "./vault.ts";

const SUPERSEDES = linkKindNumber("supersedes");
const CONFIRMS = linkKindNumber("confirms");
const CONTRADICTS = linkKindNumber("contradicts");

/** Targets may be any text, so that encryption keys them (see `targetKey`). */
export const LINK = new TruthTable<{ target: string; kind: number; seq: number }>("link", {
  columns: ["target", "kind", "seq"],
  key: ["target", "kind", "seq"],
});
export const TRUST = new TruthTable<{ world: number; worker: string; voter: string; vote: number }>("trust", {
  columns: ["world", "worker", "voter", "vote"],
  key: ["world", "worker", "voter", "vote"],
});
const ENTER_LINK = LINK.put.replace("REPLACE", "IGNORE");
const ENTER_VOTE = TRUST.put.replace("REPLACE", "IGNORE");

interface Source {
  seq: number;
  world: number;
  worker: string;
}

/** A link's target as the look-up table has it: ids in lower case, other strings as they are; keyed when encrypted. */
export function targetKey(db: Database, target: string): string {
  const key = isId(target) ? target.toLowerCase() : target;
  return vaultOf(db)?.token(key) ?? key;
}

/**
 * Enters an atom's links: rows for look-up by target, the superseded bit, trust votes. A link acts only on atoms of
 * its own world, so that one world never changes another.
 */
export function addLinks(db: Database, from: Source, links: readonly Link[]): void {
  for (const link of links) {
    const kind = linkKindNumber(link.kind);
    const row = { target: targetKey(db, link.target), kind, seq: from.seq };
    db.query(ENTER_LINK).run(...LINK.values(db, row));
    if (isId(link.target)) act(db, from, kind, link.target);
  }
}

function act(db: Database, from: Source, kind: number, target: string): void {
  const hit = db
    .query<{ seq: number; world: number; worker: string }, [Uint8Array]>(
      "SELECT seq, world, worker FROM atom WHERE id = ?",
    )
    .get(idToBytes(target));
  if (hit === null || hit.world !== from.world || hit.seq === from.seq) return;
  setBit(db, hit, bitOf(kind), true);
  if ((kind === CONFIRMS || kind === CONTRADICTS) && hit.worker !== from.worker) {
    const vote = { world: from.world, worker: hit.worker, voter: from.worker, vote: kind };
    db.query(ENTER_VOTE).run(...TRUST.values(db, vote));
  }
}

/** Links that came before their target (an import may bring them in any order) act when the target arrives. */
export function adoptLinks(db: Database, arrived: Source & { id: Uint8Array }): void {
  const id = bytesToId(arrived.id);
  const rows = db
    .query<Source & { kind: number }, [string]>(
      "SELECT atom.seq AS seq, atom.world AS world, atom.worker AS worker, link.kind AS kind FROM link JOIN atom ON atom.seq = link.seq WHERE link.target = ?",
    )
    .all(targetKey(db, id));
  for (const { kind, ...from } of rows) act(db, from, kind, id);
}

/** Takes an atom's links out; its targets lose the bits that no other atom of the world gives them. */
export function removeLinks(db: Database, from: Source, links: readonly Link[]): void {
  for (const link of links) {
    const target = targetKey(db, link.target);
    const kind = linkKindNumber(link.kind);
    db.query("DELETE FROM link WHERE target = ? AND kind = ? AND seq = ?").run(target, kind, from.seq);
    if (!isId(link.target)) continue;
    const hit = db
      .query<{ seq: number; world: number }, [Uint8Array]>("SELECT seq, world FROM atom WHERE id = ?")
      .get(idToBytes(link.target));
    if (hit?.world !== from.world) continue;
    const other = db
      .query(
        `SELECT 1 FROM link JOIN atom ON atom.seq = link.seq
         WHERE target = ? AND (link.kind = ${SUPERSEDES}) = ? AND atom.world = ? AND atom.seq <> ?`,
      )
      .get(target, kind === SUPERSEDES ? 1 : 0, from.world, hit.seq);
    if (other === null) setBit(db, hit, bitOf(kind), false);
  }
}

/** A superseding link marks its target as outdated; any other kind holds it against retention. */
function bitOf(kind: number): number {
  return kind === SUPERSEDES ? DOC.superseded : DOC.held;
}

function setBit(db: Database, hit: { world: number; seq: number }, bit: number, on: boolean): void {
  db.query(
    on
      ? "UPDATE doc SET bits = bits | ? WHERE world = ? AND seq = ?"
      : "UPDATE doc SET bits = bits & ~? WHERE world = ? AND seq = ?",
  ).run(bit, hit.world, hit.seq);
}

/** Whether an atom of the same world supersedes this one. */
export function isSuperseded(db: Database, atom: { world: number; seq: number }): boolean {
  const doc = db
    .query<{ bits: number }, [number, number]>("SELECT bits FROM doc WHERE world = ? AND seq = ?")
    .get(atom.world, atom.seq);
  return doc !== null && (doc.bits & DOC.superseded) !== 0;
}

/** Trust of a worker in a world: (1 + c) / (2 + c + x), with c and x distinct other workers that confirmed or contradicted. */
export function trustOf(db: Database, world: number, worker: string): { trust: number; votes: number } {
  const rows = db
    .query<{ vote: number; n: number }, [number, string]>(
      "SELECT vote, count(*) AS n FROM trust WHERE world = ? AND worker = ? GROUP BY vote",
    )
    .all(world, worker);
  const c = rows.find((r) => r.vote === CONFIRMS)?.n ?? 0;
  const x = rows.find((r) => r.vote === CONTRADICTS)?.n ?? 0;
  return { trust: (1 + c) / (2 + c + x), votes: c + x };
}

function hasVotes(db: Database, world: number, worker: string): boolean {
  return db.query("SELECT 1 FROM trust WHERE world = ? AND worker = ? LIMIT 1").get(world, worker) !== null;
}

/** The trust rule: a worker of trust below 0.3, judged from enough votes, may not write important atoms unseen. */
export function isDistrusted(db: Database, world: number, worker: string, importance: number): boolean {
  if (importance <= 0.7 || !hasVotes(db, world, worker)) return false;
  const { trust, votes } = trustOf(db, world, worker);
  return votes >= LIMITS.trustVotes && trust < 0.3;
}

/** The workers with the most votes and their trust over all worlds, most votes first. */
export function trustScores(db: Database, limit: number): [worker: string, score: number][] {
  return db
    .query<{ worker: string; c: number; x: number }, [number, number, number]>(
      `SELECT worker, sum(vote = ?) AS c, sum(vote = ?) AS x FROM trust
       GROUP BY worker ORDER BY count(*) DESC, worker LIMIT ?`,
    )
    .all(CONFIRMS, CONTRADICTS, limit)
    .map(({ worker, c, x }) => [worker, (1 + c) / (2 + c + x)]);
}
