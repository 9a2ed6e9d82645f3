import { bytesToId, Fault, idToBytes, LIMITS, newIdBytes } from "../base/mod.ts";
import {
  allWorlds,
  FAMILY,
  findSubject,
  headOf,
  insertAtom,
  isSuperseded,
  linksOf,
  listSubjects,
  putEdge,
  putSubject,
  readState,
  type SubjectRow,
  WORLD_STATES,
  type WorldRow,
  type WriteContext,
  writeState,
} from "../storage/mod.ts";
import { type Candidate, candidateOf } from "./candidates.ts";
import {
  CLUSTER,
  duplicateGroups,
  isDuplicate,
  relatedGroups,
  relatedness,
  signatureOf,
  type Trace,
  traceOf,
} from "./clusters.ts";
import { pruneTies } from "./hebbian.ts";
import { entityAtom, episodeAtom, type Held, skillAtom, storedEpisode } from "./records.ts";
import { requireOpen, sessionOfWorld, worldName } from "./sessions.ts";
import { Standing } from "./standing.ts";
import { type MemorySettings, RELATION_TYPES } from "./types.ts";

const HOUR_MS = 3_600_000;
/** Episodes that happened within this time are looked at; a light pass looks at those of the last pass's time too. */
const WINDOW_MS = { light: 24 * HOUR_MS, deep: 7 * 24 * HOUR_MS };
/** How often a session is consolidated by itself: so much oftener that a pass begins before an episode leaves its window. */
const PERIOD_MS = { light: 20 * HOUR_MS, deep: 6 * 24 * HOUR_MS };
const CONSOLIDATED_INTO = RELATION_TYPES.indexOf("CONSOLIDATED_INTO");

/** What a consolidation has done so far. */
export interface ConsolidationResults {
  /** Episodes that were looked at. */
  examined: number;
  /** Episodes that another one now supersedes. */
  merged: number;
  entities_created: number;
  skills_created: number;
  /** Episodes that were tied to a candidate, new or there before. */
  episodes_linked: number;
  /** Ties between what was recalled together that had faded away. */
  ties_pruned: number;
}

/** How far a consolidation of a session came; kept in `memory_state` with each slice, so that a kill loses none. */
interface Pass {
  begunMs: number;
  /** Episodes that happened earlier are left alone. */
  sinceMs: number;
  /** Episodes of the window that were planned for. */
  offset: number;
  /** Ids of the groups that are still to be dealt with. */
  queue: string[][];
  results: ConsolidationResults;
  /** 0 while it runs. */
  finishedMs: number;
  /** The session's newest sequence when it was finished. */
  lastSeq: number;
}

/** An episode with what is compared of it. */
interface Episode extends Held {
  trace: Trace;
}

/** The passes of a session, by what they do. */
type Depth = "light" | "deep";

const stateName = (depth: Depth): string => `consolidation:${depth}`;

/**
 * Does one bounded piece of a session's consolidation in the running transaction: either plans for the next page of
 * episodes, or deals with some groups of it. It goes on where the last piece, of whichever process, ended. Light merges
 * duplicates of the last 24 hours; deep makes candidates of what belongs together in the last 7 days.
 * @returns what the pass has done so far, and whether it is done; the next call then begins a new one
 * @throws Fault world_archived, disk_full, storage_error; nothing of the piece is then done
 */
export function consolidationSlice(
  ctx: WriteContext,
  session: string,
  deep: boolean,
  settings: MemorySettings,
): { done: boolean; results: ConsolidationResults } {
  const world = ctx.worlds.find(worldName(session));
  if (!world) return { done: true, results: nothing() };
  requireOpen(world);
  const depth = deep ? "deep" : "light";
  const now = ctx.clock.now();
  const last = lastPass(ctx, world, depth);
  const pass = last?.finishedMs === 0 ? last : newPass(now, windowBegin(depth, last, now));
  if (pass.queue.length > 0) {
    for (const group of pass.queue.splice(0, deep ? LIMITS.consolidationClusters : 1)) {
      if (deep) settle(ctx, world, group, { pass, now, settings });
      else merge(ctx, world, group, pass.results);
    }
  } else if (!plan(ctx, world, pass, deep) && (deep || !prune(ctx, world, pass.results))) {
    pass.finishedMs = now;
    pass.lastSeq = world.last_seq;
    if (!deep) Standing.drop(ctx, world.id);
  }
  writeState(ctx, world.id, stateName(depth), JSON.stringify(pass));
  return { done: pass.finishedMs > 0, results: pass.results };
}

/**
 * What is to be consolidated without being asked: sessions in which a pass was broken off, and those written to since
 * the last one (since their begin, if there was none) when that is long enough ago.
 */
export function dueConsolidations(ctx: WriteContext): { session: string; deep: boolean }[] {
  const due: { session: string; deep: boolean }[] = [];
  for (const world of allWorlds(ctx.db)) {
    const session = sessionOfWorld(world.name);
    if (session === undefined || WORLD_STATES[world.state] !== "active") continue;
    for (const depth of ["light", "deep"] as const) {
      if (isDue(ctx, world, depth)) due.push({ session, deep: depth === "deep" });
    }
  }
  return due;
}

function isDue(ctx: WriteContext, world: WorldRow, depth: Depth): boolean {
  const last = lastPass(ctx, world, depth);
  if (last?.finishedMs === 0) return true;
  const since = last?.finishedMs ?? world.created_ms;
  return world.last_seq > (last?.lastSeq ?? 0) && ctx.clock.now() - since >= PERIOD_MS[depth];
}

function lastPass({ db }: Pick<WriteContext, "db">, world: WorldRow, depth: Depth): Pass | undefined {
  const state = readState(db, world.id, stateName(depth));
  return state === undefined ? undefined : JSON.parse(state);
}

function nothing(): ConsolidationResults {
  return {
    examined: 0,
    merged: 0,
    entities_created: 0,
    skills_created: 0,
    episodes_linked: 0,
    ties_pruned: 0,
  };
}

/**
 * Since when a pass looks at episodes. A light one reaches a window back from the pass before it, so that what is a day
 * apart meets in one pass, wherever between the two the passes fall: what is noted every morning would never meet itself
 * in 24 hours. It reaches two windows back at most, however long ago that pass was.
 */
function windowBegin(depth: Depth, last: Pass | undefined, now: number): number {
  const window = WINDOW_MS[depth];
  const from = depth === "light" ? Math.min(now, last?.begunMs ?? now) : now;
  return Math.max(from, now - window) - window;
}

function newPass(begunMs: number, sinceMs: number): Pass {
  return { begunMs, sinceMs, offset: 0, queue: [], results: nothing(), finishedMs: 0, lastSeq: 0 };
}

/** Plans for the next page of the window. @returns whether there was one */
function plan(ctx: WriteContext, world: WorldRow, pass: Pass, deep: boolean): boolean {
  const of = { world: world.id, family: FAMILY.episode };
  const page = listSubjects(ctx.db, of, LIMITS.consolidationPage, pass.offset).filter(
    ({ ts_ms }) => ts_ms >= pass.sinceMs,
  );
  const place = { at: pass.offset, last: page.length < LIMITS.consolidationPage };
  pass.offset += page.length;
  pass.results.examined += page.length;
  const episodes = page.map((subject) => episodeOf(ctx, subject)).filter((one) => one !== undefined);
  const traces = episodes.map(({ trace }) => trace);
  const idsOf = (group: number[]): string[] => group.map((at) => bytesToId(episodes[at]!.subject.id));
  if (deep) {
    pass.queue = relatedGroups(traces, ctx.vectors.model).map(idsOf);
  } else {
    const groups = duplicateGroups(traces);
    const hidden = new Set(groups.flatMap(([, ...duplicates]) => duplicates));
    const others = episodes.filter((_, at) => !hidden.has(at));
    pass.queue = [...groups.map(idsOf), ...duplicatesBefore(ctx, world, others, place)].flatMap(inPieces);
  }
  return page.length > 0;
}

/** Groups of episodes with the one of a page before that says the same, that one first. */
function duplicatesBefore(
  ctx: WriteContext,
  world: WorldRow,
  episodes: readonly Episode[],
  { at, last }: { at: number; last: boolean },
): string[][] {
  const standing = Standing.before(ctx, world.id, at);
  const groups = new Map<string, string[]>();
  for (const { subject, trace } of episodes) {
    const id = bytesToId(subject.id);
    const first = standing.findOrAdd(signatureOf(trace), id, at);
    if (first !== undefined) groups.set(first, [...(groups.get(first) ?? [first]), id]);
  }
  if (!last) standing.keep(ctx, world.id);
  return [...groups.values()];
}

/** Drops a piece of the ties that have faded. @returns whether there were any */
function prune(ctx: WriteContext, world: WorldRow, results: ConsolidationResults): boolean {
  const gone = pruneTies(ctx, world.id, LIMITS.consolidationPage);
  results.ties_pruned += gone;
  return gone > 0;
}

/** Groups of at most so many duplicates as one slice merges, each with the one that is kept. */
function inPieces([kept, ...duplicates]: string[]): string[][] {
  const pieces: string[][] = [];
  for (let from = 0; from < duplicates.length; from += LIMITS.consolidationMerges) {
    pieces.push([kept!, ...duplicates.slice(from, from + LIMITS.consolidationMerges)]);
  }
  return pieces;
}

/** An episode as it is now; undefined when another one stands for it, or it is damaged: the check names that. */
function episodeOf(ctx: WriteContext, subject: SubjectRow): Episode | undefined {
  const row = soundHead(ctx, subject);
  if (!row || isSuperseded(ctx.db, row)) return undefined;
  const { content, context, outcome } = storedEpisode({ subject, row });
  const frame = JSON.stringify([context.project, context.file, context.tool, outcome]);
  return { subject, row, trace: traceOf(content, frame, ctx.vectors.embed(content)) };
}

function soundHead({ db }: WriteContext, subject: SubjectRow): Held["row"] | undefined {
  try {
    return headOf(db, subject);
  } catch (cause) {
    if (cause instanceof Fault && cause.code === "storage_error") return undefined;
    throw cause;
  }
}

/** The episodes of a group that are still there. */
function present(ctx: WriteContext, of: WorldRow, ids: readonly string[]): Episode[] {
  return ids
    .map((id) => findSubject(ctx, idToBytes(id)))
    .filter((subject) => subject?.world === of.id && subject.family === FAMILY.episode)
    .map((subject) => episodeOf(ctx, subject!))
    .filter((one) => one !== undefined);
}

/**
 * Lets the first of a group stand for those that still duplicate it: a new version of it supersedes them and takes
 * over how often they were used. They stay, readable by their ids, and come back when it is forgotten.
 */
function merge(ctx: WriteContext, of: WorldRow, ids: readonly string[], results: ConsolidationResults): void {
  const [kept, ...others] = present(ctx, of, ids);
  const duplicates = others.filter(({ trace }) => isDuplicate(kept!.trace, trace));
  if (!kept || duplicates.length === 0) return;
  const all = [kept, ...duplicates].map(({ subject }) => subject);
  const links = duplicates.map(({ row }) => ({ kind: "supersedes" as const, target: bytesToId(row.id) }));
  const change = {
    accesses: all.reduce((sum, { accesses }) => sum + accesses, 0),
    reviews: all.reduce((sum, { reviews }) => sum + reviews, 0),
    accessed_ms: Math.max(...all.map(({ accessed_ms }) => accessed_ms)),
    stability: Math.max(...all.map(({ stability }) => stability)),
  };
  const { id, family, stability } = kept.subject;
  insertAtom(
    ctx,
    { ...episodeAtom(of.name, storedEpisode(kept)), links: [...linksOf(kept.row.links), ...links] },
    { id, family, stability, change },
  );
  results.merged += duplicates.length;
}

interface Settling {
  pass: Pass;
  now: number;
  settings: MemorySettings;
}

/** What only consolidation keeps in an episode's `state`: the candidate it went into, even when that was forgotten. */
function settledIn(subject: SubjectRow): string | undefined {
  return subject.state === "" ? undefined : JSON.parse(subject.state).consolidated;
}

/**
 * Ties the episodes of a cluster that belong to no candidate to the one that most of the others belong to, or to a new
 * one. A candidate that somebody forgot is not made again.
 */
function settle(
  ctx: WriteContext,
  of: WorldRow,
  ids: readonly string[],
  { pass, now, settings }: Settling,
): void {
  const members = present(ctx, of, ids);
  const fresh = members.filter(({ subject }) => settledIn(subject) === undefined);
  if (fresh.length === 0) return;
  const known = commonest(members.map(({ subject }) => settledIn(subject)).filter((id) => id !== undefined));
  if (known === undefined && members.length < CLUSTER) return;
  const candidate =
    known === undefined ? propose(ctx, of, members, pass.results, settings) : idToBytes(known);
  const there = findSubject(ctx, candidate) !== undefined;
  for (const { subject, trace } of fresh) {
    const weight = relatedness(members[0]!.trace, trace, ctx.vectors.model);
    const ends = { world: of.id, source: subject.id, target: candidate, type: CONSOLIDATED_INTO };
    if (there) putEdge(ctx, { ...ends, weight, co: 0, created_ms: now, used_ms: now });
    const state = subject.state === "" ? {} : JSON.parse(subject.state);
    putSubject(ctx, { ...subject, state: JSON.stringify({ ...state, consolidated: bytesToId(candidate) }) });
    if (there) pass.results.episodes_linked += 1;
  }
}

function commonest(ids: readonly string[]): string | undefined {
  const count = (id: string): number => ids.filter((other) => other === id).length;
  return ids.toSorted((a, b) => count(b) - count(a) || (a < b ? -1 : 1))[0];
}

/** Enters a candidate with links to the most central of its episodes, which retention then keeps. @returns its id */
function propose(
  ctx: WriteContext,
  of: WorldRow,
  members: readonly Episode[],
  results: ConsolidationResults,
  settings: MemorySettings,
): Uint8Array {
  const candidate: Candidate = candidateOf(members.map(storedEpisode));
  const links = members
    .slice(0, LIMITS.provenanceLinks)
    .map(({ row }) => ({ kind: "references" as const, target: bytesToId(row.id) }));
  const id = newIdBytes(ctx.clock.now());
  const subject = { id, stability: settings.defaultStability };
  if (candidate.family === "entity") {
    insertAtom(
      ctx,
      { ...entityAtom(of.name, candidate.entity), links },
      { ...subject, family: FAMILY.entity },
    );
    results.entities_created += 1;
  } else {
    insertAtom(ctx, { ...skillAtom(of.name, candidate.skill), links }, { ...subject, family: FAMILY.skill });
    results.skills_created += 1;
  }
  return id;
}
