import type { Database } from "bun:sqlite";
import { Fault, formatTime, idToBytes } from "../base/mod.ts";
import type { FlagReader } from "../control/mod.ts";
import {
  type AtomRow,
  findSubject,
  headOf,
  putSubject,
  readState,
  type SubjectRow,
  type WorldRow,
  type WriteContext,
  writeState,
} from "../storage/mod.ts";
import { analyseQuestion, atomText, indexTerms } from "../text/mod.ts";
import { accessed } from "./activation.ts";
import { loosen, type TieChange, tieTogether } from "./hebbian.ts";
import {
  added,
  episodeValue,
  type Learnt,
  type Lesson,
  learntOf,
  lesson,
  NO_TOTALS,
  type Part,
  summedUp,
  type Totals,
} from "./learning.ts";
import { storedEpisode } from "./records.ts";
import type { EntityFeedback, EpisodeFeedback } from "./requests.ts";
import { HELPED, review } from "./strength.ts";
import type { MemorySettings } from "./types.ts";

/** Name of what a session has learnt in `memory_state`. */
const LEARNING = "learning";
/**
 * A memory that was just changed is labile: within this time more feedback tells of the same recall, and changes its
 * expectation and ties, not its strength again.
 */
const LABILE_MS = 6 * 3_600_000;
/** Eligibility of a memory that shares no word with the question: it was found by its meaning. */
const BY_MEANING = 0.3;

/** What feedback goes by beside the request itself. */
export interface Teaching {
  settings: MemorySettings;
  flags: Pick<FlagReader, "enabled">;
  /** The unit of the flags' rollouts. */
  session: string;
}

/** Share of the question's content words that a memory holds; 1 without a question. */
function eligibilityOf({ payload, worker }: AtomRow, terms: readonly string[]): number {
  if (terms.length === 0) return 1;
  const held = new Set(indexTerms(atomText(payload, worker).text));
  const share = terms.filter((term) => held.has(term)).length / terms.length;
  return Math.max(BY_MEANING, share);
}

interface Taught {
  subject: SubjectRow;
  part: Part;
  lesson: Lesson;
}

/** Changes how one memory is held and what is expected of it. */
function teach(
  ctx: WriteContext,
  subject: SubjectRow,
  part: Part,
  { settings, flags, session }: Teaching,
): Taught {
  const now = ctx.clock.now();
  const learnt = learntOf(subject);
  const what = lesson(part, flags.enabled("three_factor_learning", session));
  const helped = part.reward >= HELPED;
  // a recall in vain keeps none that helps later from being a review
  const changed = helped ? subject.accessed_ms : Math.max(subject.accessed_ms, learnt.lostMs ?? 0);
  const settled = now - changed >= LABILE_MS || !flags.enabled("lability_window", session);
  const change = settled ? review(subject, { reward: part.reward, gate: what.gate }, settings, now) : {};
  const state: Learnt = { ...learnt, value: what.value };
  if (settled && !helped) state.lostMs = now;
  if (helped) state.recent = accessed(learnt.recent, now);
  putSubject(ctx, { ...subject, ...change, state: JSON.stringify(state) });
  return { subject, part, lesson: what };
}

function subjectOf(ctx: WriteContext, id: string): SubjectRow {
  const subject = findSubject(ctx, idToBytes(id));
  if (subject) return subject;
  throw new Fault("not_found", `there is no memory ${id} in this session; check the id and X-Session-ID`);
}

const distinct = (ids: readonly string[]): string[] => [...new Set(ids)];

/** The best first, so that they are the ones that are tied. */
function idsOf(taught: readonly Taught[], which: (reward: number) => boolean): Uint8Array[] {
  return taught
    .filter(({ part }) => which(part.reward))
    .sort((a, b) => b.part.reward - a.part.reward)
    .map(({ subject }) => subject.id);
}

/** Those that helped are tied together; where nothing did, what tied them gives way. */
function retie(
  ctx: WriteContext,
  world: number,
  taught: readonly Taught[],
  outcome: number,
  { hebbianLearningRate }: MemorySettings,
): TieChange & { up: boolean } {
  const rate = hebbianLearningRate * (outcome >= HELPED ? outcome : 1 - outcome);
  const helped = idsOf(taught, (reward) => reward >= HELPED);
  if (helped.length > 0) return { ...tieTogether(ctx, world, helped, rate), up: true };
  const vain = idsOf(taught, () => true);
  return { ...loosen(ctx, world, vain, rate), up: false };
}

/**
 * What an answer was worth, for the episodes that it was made of. The caller has seen to it that they are the
 * session's. @returns the answer of the route
 * @throws Fault not_found, storage_error, disk_full
 */
export function learnFromEpisodes(
  ctx: WriteContext,
  world: WorldRow,
  { ids, query, outcome, rewards }: EpisodeFeedback,
  teaching: Teaching,
) {
  const { terms } = analyseQuestion(query, () => false);
  const taught = distinct(ids).map((id) => {
    const subject = subjectOf(ctx, id);
    const row = headOf(ctx.db, subject);
    const expected = episodeValue(subject, storedEpisode({ subject, row }).outcome);
    const eligibility = eligibilityOf(row, terms);
    const reward = rewards[id] ?? outcome;
    return teach(ctx, subject, { reward, expected, eligibility, outcome }, teaching);
  });
  const ties = retie(ctx, world.id, taught, outcome, teaching.settings);
  const totals = remembered(ctx, world.id, taught, ties.count);
  return {
    reconsolidated_count: totals.memories,
    fusion_loss: totals.loss / totals.memories,
    avg_rpe: totals.surprise / totals.memories,
    positive_surprises: totals.positive,
    negative_surprises: totals.negative,
    three_factor_stats: {
      enabled: teaching.flags.enabled("three_factor_learning", teaching.session),
      avg_eligibility: totals.eligibility / totals.memories,
      avg_surprise:
        taught.reduce((sum, { lesson: { surprise } }) => sum + Math.abs(surprise), 0) / totals.memories,
      outcome,
      avg_learning_rate: totals.gate / totals.memories,
    },
  };
}

/** As `learnFromEpisodes`, for entities: the outcome is the reward of each. */
export function learnFromEntities(
  ctx: WriteContext,
  world: WorldRow,
  { ids, query, outcome }: EntityFeedback,
  teaching: Teaching,
) {
  const { terms } = query === undefined ? { terms: [] } : analyseQuestion(query, () => false);
  const taught = distinct(ids).map((id) => {
    const subject = subjectOf(ctx, id);
    const expected = learntOf(subject).value ?? 0.5;
    const eligibility = eligibilityOf(headOf(ctx.db, subject), terms);
    return teach(ctx, subject, { reward: outcome, expected, eligibility, outcome }, teaching);
  });
  const ties = retie(ctx, world.id, taught, outcome, teaching.settings);
  remembered(ctx, world.id, taught, ties.count);
  return {
    strengthened_count: ties.up ? ties.count : 0,
    weakened_count: ties.up ? 0 : ties.count,
    avg_delta: ties.count === 0 ? 0 : ties.delta / ties.count,
  };
}

function remembered(ctx: WriteContext, world: number, taught: readonly Taught[], ties: number): Totals {
  const lessons = taught.map(({ part, lesson: what }) => ({ ...part, ...what }));
  const totals = summedUp(lessons, ties, ctx.clock.now());
  writeState(ctx, world, LEARNING, JSON.stringify(added(totalsOf(ctx.db, world), totals)));
  return totals;
}

function totalsOf(db: Database, world: number): Totals {
  const kept = readState(db, world, LEARNING);
  return kept === undefined ? NO_TOTALS : { ...NO_TOTALS, ...JSON.parse(kept) };
}

/** What a session has learnt from all feedback. @param world undefined before its first memory */
export function learningStats(db: Database, world: WorldRow | undefined) {
  const totals = world ? totalsOf(db, world.id) : NO_TOTALS;
  const mean = (sum: number): number => (totals.memories === 0 ? 0 : sum / totals.memories);
  return {
    total_feedbacks: totals.feedbacks,
    total_updates: totals.memories,
    strengthened: totals.strengthened,
    weakened: totals.weakened,
    positive_surprises: totals.positive,
    negative_surprises: totals.negative,
    avg_rpe: mean(totals.surprise),
    avg_loss: mean(totals.loss),
    avg_eligibility: mean(totals.eligibility),
    avg_learning_rate: mean(totals.gate),
    hebbian_updates: totals.ties,
    last_feedback: totals.lastMs === 0 ? null : formatTime(totals.lastMs),
  };
}
