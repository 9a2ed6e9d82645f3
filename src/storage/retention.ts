import { unknownWorld, type WorldRequest } from "../atom/mod.ts";
import { type Clock, clockIsSane, Fault, LIMITS } from "../base/mod.ts";
import { requireRoom, type WriteContext } from "./context.ts";
import { type PolicyRow, policyOf } from "./policies.ts";
import { removeAtom } from "./remove.ts";
import { selectAtom, selectAtoms } from "./rows.ts";
import { DOC, STATE } from "./schema.ts";
import { allWorlds, type WorldRow } from "./worlds.ts";

/** Creates, archives, resumes or deletes a world, in the running transaction. */
export function manageWorld(ctx: WriteContext, request: WorldRequest): void {
  const there = ctx.worlds.find(request.world);
  if (request.action === "create") {
    if (there)
      throw new Fault("conflict", `world "${request.world}" exists already; use it, or choose another name`);
    requireRoom(ctx);
    const world = ctx.worlds.create(request.world, ctx.clock.now());
    world.description = request.description ?? "";
    world.labels = JSON.stringify(request.labels ?? []);
    ctx.worlds.touch(world);
    return;
  }
  if (!there) throw unknownWorld(request.world);
  if (request.action === "delete") {
    ctx.db.query("DELETE FROM policy WHERE world = ?").run(request.world);
    there.state = STATE.deleting;
    // its name is free at once; its atoms go in slices of the maintenance
    ctx.worlds.rename(there, `~deleted:${there.id}`);
    return;
  }
  there.state = request.action === "archive" ? STATE.archived : STATE.active;
  if (request.description !== undefined) there.description = request.description;
  if (request.labels !== undefined) there.labels = JSON.stringify(request.labels);
  ctx.worlds.touch(there);
}

/**
 * Watches the wall clock against the monotonic one: after a step of more than a day nothing is judged too old until
 * the new time has lasted a day. So it is after a start that finds the log's last record more than a day away, since
 * the clock may have been set wrong while the node was off. A clock before the build date is never believed.
 */
export class AgeGuard {
  private offset: number;
  private suspendedUntil = 0;

  constructor(private readonly clock: Clock) {
    this.offset = clock.now() - clock.monotonic();
  }

  /** At the start. @param recordedMs wall clock at the log's last record */
  resume(recordedMs: number): void {
    if (Math.abs(this.clock.now() - recordedMs) > LIMITS.clockStepMs) this.suspend();
  }

  private suspend(): void {
    this.suspendedUntil = this.clock.monotonic() + LIMITS.clockQuarantineMs;
  }

  mayJudge(): boolean {
    const offset = this.clock.now() - this.clock.monotonic();
    if (Math.abs(offset - this.offset) > LIMITS.clockStepMs) {
      this.offset = offset;
      this.suspend();
    }
    return clockIsSane(this.clock) && this.clock.monotonic() >= this.suspendedUntil;
  }
}

interface Victim {
  seq: number;
}

/** A damaged atom is passed over: what it said is not known, so it cannot be taken out of the index and statistics. */
function deleteRows(
  ctx: WriteContext,
  world: WorldRow,
  victims: readonly Victim[],
  until: () => boolean,
): number {
  let gone = 0;
  for (const { seq } of victims) {
    if (until()) break;
    const row = selectAtom(ctx.db, seq);
    if (!row?.sound) continue;
    removeAtom(ctx, world, row);
    gone += 1;
  }
  return gone;
}

const never = (): boolean => false;

const OUTDATED = DOC.superseded | DOC.old;
/** Superseded and old versions first, then by age; pinned and held ones never. */
const ORDER = `ORDER BY (bits & ${OUTDATED}) = 0, ts_ms, seq LIMIT ?`;
const LOOSE = `world = ? AND (bits & ${DOC.pinned | DOC.held}) = 0`;

function hasSubjects(ctx: WriteContext, world: WorldRow): boolean {
  return ctx.db.query("SELECT 1 FROM subject WHERE world = ? LIMIT 1").get(world.id) !== null;
}

/**
 * Heads of subjects, the most faded first: on FSRS's curve retrievability falls with the time since the last use over
 * the stability. One that helped somebody goes only when no other is left, also of those that lose what held them now.
 */
function weakest(ctx: WriteContext, world: WorldRow, rows: number): Victim[] {
  const pick = ctx.db.query<Victim, number[]>(
    `SELECT doc.seq AS seq FROM subject JOIN doc ON doc.world = subject.world AND doc.seq = subject.head_seq
     WHERE subject.world = ? AND (bits & ${DOC.pinned | DOC.held}) = 0 AND (reviews > 0) = ?
     ORDER BY (? - max(accessed_ms, subject.ts_ms)) / stability DESC, doc.seq LIMIT ?`,
  );
  const of = (helped: 0 | 1): Victim[] => pick.all(world.id, helped, ctx.clock.now(), rows);
  const unused = of(0);
  return unused.length > 0 ? unused : of(1);
}

function evict(ctx: WriteContext, world: WorldRow, policy: PolicyRow, guard: AgeGuard, rows: number): number {
  const pick = (where: string, ...values: number[]): Victim[] =>
    ctx.db
      .query<Victim, number[]>(`SELECT seq FROM doc WHERE ${LOOSE} AND ${where} ${ORDER}`)
      .all(world.id, ...values, rows);
  let gone = 0;
  if (policy.retention_days !== null && guard.mayJudge()) {
    gone += deleteRows(
      ctx,
      world,
      pick(`(bits & ${DOC.unsure}) = 0 AND ts_ms < ?`, ctx.clock.now() - policy.retention_days * 86_400_000),
      never,
    );
  }
  if (policy.min_importance !== null && gone < rows) {
    gone += deleteRows(ctx, world, pick("importance < ?", policy.min_importance), never);
  }
  const bound = policy.max_bytes;
  const victims = (): Victim[] => {
    if (!hasSubjects(ctx, world)) return pick("1");
    const outdated = pick(`(bits & ${OUTDATED}) <> 0`);
    return outdated.length > 0 ? outdated : weakest(ctx, world, rows);
  };
  if (bound !== null && world.bytes > bound && gone < rows) {
    gone += deleteRows(ctx, world, victims(), () => world.bytes <= bound);
  }
  ctx.tally.evictions += gone;
  return gone;
}

function vanish(ctx: WriteContext, world: WorldRow, rows: number): number {
  const tail = "JOIN doc ON doc.seq = atom.seq WHERE doc.world = ? ORDER BY doc.seq LIMIT ?";
  const victims = selectAtoms(ctx.db, tail, world.id, rows);
  for (const row of victims) removeAtom(ctx, world, row);
  if (victims.length < rows) {
    for (const table of ["trust", "subject", "edge", "memory_state"])
      ctx.db.query(`DELETE FROM ${table} WHERE world = ?`).run(world.id);
    ctx.worlds.remove(world);
  }
  return victims.length + 1;
}

/**
 * One slice of the retention pass, in the running transaction: policies are applied and deleted worlds emptied, at
 * most LIMITS.retentionRows atoms. Targets of references, confirms and contradicts from kept atoms and atoms labelled
 * `pin` are spared, as are from `retention_days` atoms whose age is not known. A damaged policy is not applied; the
 * other worlds' are. With `resting` no policy is applied; a deleted world is emptied all the same. @returns how many atoms (and worlds) went, 0 when there is nothing to do, and what hindered it
 */
export function retentionSlice(
  ctx: WriteContext,
  guard: AgeGuard,
  resting = false,
): { gone: number; trouble?: Fault } {
  const most = ctx.reserve.full ? LIMITS.retentionFullRows : LIMITS.retentionRows;
  let gone = 0;
  let trouble: Fault | undefined;
  for (const { id, name } of [...allWorlds(ctx.db)]) {
    if (gone >= most) break;
    const world = ctx.worlds.get(id);
    if (world.state === STATE.deleting) {
      gone += vanish(ctx, world, most - gone);
      continue;
    }
    if (resting) continue;
    const policy = soundPolicy(ctx, name);
    if (policy instanceof Fault) trouble ??= policy;
    else if (policy) gone += evict(ctx, world, policy, guard, most - gone);
  }
  return trouble ? { gone, trouble } : { gone };
}

function soundPolicy(ctx: WriteContext, world: string): PolicyRow | Fault | undefined {
  try {
    return policyOf(ctx.db, world);
  } catch (cause) {
    if (cause instanceof Fault) return cause;
    throw cause;
  }
}
