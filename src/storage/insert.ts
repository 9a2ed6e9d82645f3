import { createHmac } from "node:crypto";
import { CLOCK_UNSURE, KINDS, type NewAtom, PIN, QUARANTINE, vectorToBytes } from "../atom/mod.ts";
import { clockIsSane, equalBytes, Fault, idToBytes, newIdBytes, parseTime } from "../base/mod.ts";
import { nextSeq, requireRoom, type WriteContext } from "./context.ts";
import { addLinks, adoptLinks, isDistrusted } from "./links.ts";
import { removeAtom } from "./remove.ts";
import { ATOM, type AtomRow, atomBytes, linksColumn, linksOf, listOf, selectAtom } from "./rows.ts";
import { DOC, FAMILY, STATE } from "./schema.ts";
import { advanceSubject, type SubjectVersion } from "./subjects.ts";
import { hash52 } from "./sums.ts";
import { indexedText } from "./terms.ts";
import { vaultOf } from "./vault.ts";
import type { WorldRow } from "./worlds.ts";

/** Digest of a request as sent (HMAC-SHA-256 cut to 128 bits): settles a retry with the same id, after a restart too. */
export function sentDigest(key: Uint8Array, canonical: string | Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(canonical).digest().subarray(0, 16));
}

const INSERT = ATOM.put.replace("INSERT OR REPLACE", "INSERT");

/**
 * Appends an atom in the running transaction, with its index entries and statistics.
 * A request with an own id that is already there with the same content is answered with that id and changes nothing.
 * @returns the atom's id, 16 bytes
 * @throws Fault conflict (same id, other content), gone (forgotten id), world_archived
 */
export function insertAtom(ctx: WriteContext, atom: NewAtom, subject?: SubjectVersion): Uint8Array {
  let sent: Uint8Array | null = null;
  let id: Uint8Array;
  if (atom.id === undefined) {
    id = newIdBytes(ctx.clock.now());
  } else {
    id = idToBytes(atom.id);
    sent = sentDigest(ctx.identity.sentKey, JSON.stringify(atom));
    if (isRepeat(ctx, atom.id, id, sent)) return id;
  }
  requireRoom(ctx);
  const world = openWorld(ctx, atom.world);
  const row = rowOf(ctx, atom, { id, sent, world, subject });
  ctx.db.query(INSERT).run(...ATOM.values(ctx.db, row));
  indexAtom(ctx, world, row, atom.labels ?? []);
  const from = { seq: row.seq, world: world.id, worker: row.worker };
  if (atom.links) addLinks(ctx.db, from, atom.links);
  if (sent) adoptLinks(ctx.db, { ...from, id });
  ctx.tally.atoms += 1;
  return id;
}

/**
 * Enters an atom of another database under its own sequence, with its index entries and statistics, in the running
 * transaction. Atoms are to come in the order of their sequences, each into a world that is there.
 * @param old a newer version of its subject is there, or will be
 */
export function restoreAtom(ctx: WriteContext, row: AtomRow, old: boolean): void {
  const world = ctx.worlds.get(row.world);
  const sealed = { ...row, key_id: vaultOf(ctx.db)?.keyId ?? null };
  ctx.db.query(INSERT).run(...ATOM.values(ctx.db, sealed));
  indexAtom(ctx, world, row, listOf(row.labels), old);
  const from = { seq: row.seq, world: row.world, worker: row.worker };
  addLinks(ctx.db, from, linksOf(row.links));
  if (row.sent) adoptLinks(ctx.db, { ...from, id: row.id });
  ctx.head = row.seq;
  ctx.tally.atoms += 1;
}

function isRepeat(ctx: WriteContext, text: string, id: Uint8Array, sent: Uint8Array): boolean {
  const there = ctx.db
    .query<{ seq: number; world: number; sent: Uint8Array | null }, [Uint8Array]>(
      "SELECT seq, world, sent FROM atom WHERE id = ?",
    )
    .get(id);
  if (there !== null) {
    const world = ctx.worlds.get(there.world);
    if (world.state === STATE.deleting) {
      // it is as good as gone, and what vanishes later must not take this one along
      removeAtom(ctx, world, selectAtom(ctx.db, there.seq)!);
      return false;
    }
    if (there.sent !== null && equalBytes(there.sent, sent)) return true;
    throw new Fault(
      "conflict",
      `id ${text} is already used by an atom with other content; leave the id out or choose another`,
    );
  }
  if (ctx.db.query("SELECT 1 FROM tombstone WHERE id = ?").get(id) !== null) {
    throw new Fault(
      "gone",
      `the atom ${text} was forgotten and its id cannot be used again; choose another id`,
    );
  }
  return false;
}

function openWorld(ctx: WriteContext, name: string): WorldRow {
  const world = ctx.worlds.find(name) ?? ctx.worlds.create(name, ctx.clock.now());
  if (world.state !== STATE.active) {
    throw new Fault(
      "world_archived",
      `world "${name}" is archived and takes no new memories; resume it first`,
    );
  }
  return world;
}

interface Given {
  id: Uint8Array;
  sent: Uint8Array | null;
  world: WorldRow;
  subject: SubjectVersion | undefined;
}

function rowOf(ctx: WriteContext, atom: NewAtom, given: Given): AtomRow {
  const { world, subject } = given;
  const now = ctx.clock.now();
  const importance = atom.importance ?? 0.5;
  const flags = [...(atom.flags ?? [])];
  const mark = (flag: string): void => {
    if (!flags.includes(flag)) flags.push(flag);
  };
  if (!clockIsSane(ctx.clock)) mark(CLOCK_UNSURE);
  if (isDistrusted(ctx.db, world.id, atom.worker, importance)) mark(QUARANTINE);
  const seq = nextSeq(ctx);
  const ts_ms = atom.timestamp === undefined ? now : (parseTime(atom.timestamp) ?? now);
  return {
    seq,
    id: given.id,
    origin: 0,
    origin_seq: null,
    world: world.id,
    worker: atom.worker,
    kind: KINDS.indexOf(atom.kind),
    ts_ms,
    recorded_ms: now,
    importance,
    family: subject?.family ?? FAMILY.atom,
    subject: subject?.id ?? null,
    version: subject ? advanceSubject(ctx, world, subject, { seq, ts_ms }) : 1,
    flags: flags.length > 0 ? JSON.stringify(flags) : null,
    payload: atom.payload_json,
    labels: atom.labels?.length ? JSON.stringify(atom.labels) : null,
    links: atom.links?.length ? linksColumn(atom.links) : null,
    vector: atom.vector ? vectorToBytes(atom.vector) : null,
    key_id: vaultOf(ctx.db)?.keyId ?? null,
    sent: given.sent,
    sound: true,
  };
}

const INSERT_DOC =
  "INSERT INTO doc(world, seq, thread, pos, prev, next, ts_ms, len, bits, kind, importance, worker) VALUES(?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)";

/** @param old not the head version: kept out of threads, text index, vectors and statistics */
function indexAtom(
  ctx: WriteContext,
  world: WorldRow,
  row: AtomRow,
  labels: readonly string[],
  old = false,
): void {
  const indexed = indexedText(row);
  const place = old
    ? { thread: row.seq, pos: 0, prev: 0 }
    : ctx.threads.place(world, labels, row.ts_ms, row.seq);
  const bits = docBits(row, indexed.features) | (old ? DOC.old : 0);
  ctx.db
    .query(INSERT_DOC)
    .run(
      world.id,
      row.seq,
      place.thread,
      place.pos,
      place.prev,
      row.ts_ms,
      indexed.length,
      bits,
      row.kind,
      row.importance,
      hash52(row.worker),
    );
  if (!old) {
    ctx.threads.append(world, labels, row.ts_ms, row.seq, place);
    ctx.text.add(row.seq, indexed.tokens);
    ctx.vectors.add(world.id, row.seq, indexed.meaning);
    world.docs += 1;
    world.tokens += indexed.length;
  }
  world.atoms += 1;
  if (bits & DOC.quarantined) {
    world.quarantined += 1;
    ctx.tally.quarantined += 1;
  }
  world.bytes += atomBytes(row);
  world.last_seq = row.seq;
  world.newest_ms = Math.max(world.newest_ms, row.ts_ms);
  ctx.worlds.touch(world);
}

/** The thin facts about an atom that ranking and retention read without its payload (rebuildable). */
export function docBits(row: Pick<AtomRow, "flags" | "labels">, features: number): number {
  const flags: string[] = row.flags === null ? [] : JSON.parse(row.flags);
  const labels: string[] = row.labels === null ? [] : JSON.parse(row.labels);
  return (
    features |
    (flags.includes(QUARANTINE) ? DOC.quarantined : 0) |
    (flags.includes(CLOCK_UNSURE) ? DOC.unsure : 0) |
    (labels.includes(PIN) ? DOC.pinned : 0)
  );
}
