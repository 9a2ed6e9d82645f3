import { bytesToId, Fault } from "../base/mod.ts";
import { type Candidates, calibrated, recallCandidates } from "../recall/mod.ts";
import { findSubject } from "../storage/mod.ts";
import { fitting } from "./fitting.ts";
import { type SessionView, spreadAmong, worldOf } from "./reads.ts";
import {
  entityOf,
  episodeOf,
  FAMILY_OF,
  type Held,
  hasEnded,
  KIND_OF,
  label,
  skillOf,
  skillState,
  storedEntity,
  storedEpisode,
} from "./records.ts";
import type { EntityRecall, EpisodeRecall, FamilyName, SkillRecall } from "./requests.ts";
import { entityScore, episodeScore, type Parts, type Relevance, skillScore } from "./scoring.ts";
import { worldName } from "./sessions.ts";
import type { Domain, Skill } from "./types.ts";

/** Candidates that are read and scored: at least so many, and twice what is asked for. */
const SCORED = { least: 100, times: 2 };
/** Likeness below which an entity or skill says nothing about the question. */
const LEAST = 0.2;

interface Candidate extends Held, Relevance {}

/** The ranker's candidates of a family, read, with their likeness; a damaged one is left out. */
function candidates(
  view: SessionView,
  family: FamilyName,
  asked: { query: string; labels: string[]; least: number; limit: number },
): Candidate[] {
  if (!worldOf(view)) return [];
  const filter = { kinds: [KIND_OF[family]], ...(asked.labels.length > 0 ? { labels: asked.labels } : {}) };
  const request = { world: worldName(view.session), text: asked.query, filter };
  const found = recallCandidates(view.reader, request, view.options);
  const best = Math.max(found.ranked[0]?.score ?? 0, Number.MIN_VALUE);
  const wanted = Math.max(SCORED.least, SCORED.times * asked.limit);
  const out: Candidate[] = [];
  for (const { seq, score } of found.ranked) {
    if (out.length >= wanted) break;
    // what a consolidation merged is found by the one that says it too
    if (found.superseded(seq)) continue;
    const similarity = likeness(found, seq);
    if (similarity < asked.least) continue;
    const held = read(view, family, seq);
    if (held) out.push({ ...held, similarity, relevance: Math.max(0, score / best) });
  }
  return out;
}

function likeness({ coverage, cosine, model }: Candidates, seq: number): number {
  return Math.max(coverage(seq), calibrated(cosine(seq), model));
}

function read({ reader }: SessionView, family: FamilyName, seq: number): Held | undefined {
  try {
    const row = reader.atomBySeq(seq);
    const subject = row?.subject && findSubject(reader, row.subject);
    return row && subject && subject.family === FAMILY_OF[family] ? { subject, row } : undefined;
  } catch (cause) {
    if (cause instanceof Fault && cause.code === "storage_error") return undefined;
    throw cause;
  }
}

/** The best of some candidates; of equals the newer. */
function best(found: readonly Candidate[], limit: number, score: (one: Candidate) => Parts) {
  return found
    .map((one) => ({ one, parts: score(one) }))
    .sort((a, b) => b.parts.score - a.parts.score || b.one.row.seq - a.one.row.seq)
    .slice(0, limit);
}

type Best = ReturnType<typeof best>;

/** `explain`: each score in its parts, with the likeness. */
function explanations(chosen: Best, explain: boolean) {
  if (!explain) return {};
  return {
    explain: chosen.map(({ one, parts }) => ({
      id: bytesToId(one.subject.id),
      similarity: one.similarity,
      ...parts,
    })),
  };
}

/** The best as far as they fit into an answer, with their scores. */
function answered<T>(chosen: Best, answerOf: (one: Candidate) => T, explain: boolean) {
  const values = fitting(chosen.values().map(({ one }) => answerOf(one)));
  const there = chosen.slice(0, values.length);
  return { values, scores: there.map(({ parts }) => parts.score), explained: explanations(there, explain) };
}

export function recallEpisodes(view: SessionView, recall: EpisodeRecall) {
  const { query, limit, minSimilarity, project, outcome, explain } = recall;
  const labels = [
    ...(project === undefined ? [] : [label.project(project)]),
    ...(outcome === undefined ? [] : [label.outcome(outcome)]),
  ];
  const { settings, options, session } = view;
  const found = candidates(view, "episode", { query, labels, least: minSimilarity, limit });
  const chosen = best(found, limit, (one) => {
    const { outcome, emotionalValence: importance } = storedEpisode(one);
    return episodeScore({ ...one, outcome, importance }, settings, options.now);
  });
  const answerOf = (one: Candidate) => episodeOf(one, session, settings, options.now);
  const { values: episodes, scores, explained } = answered(chosen, answerOf, explain);
  return { query, episodes, scores, ...explained };
}

/** Entities that still hold, of any of some types. */
function entitiesFor(view: SessionView, { query, limit, types = [] }: EntityRecall): Candidate[] {
  const of = (labels: string[]): Candidate[] =>
    candidates(view, "entity", { query, labels, least: LEAST, limit }).filter(
      (one) => !hasEnded(one, view.options.now),
    );
  const wanted = new Set(types);
  if (wanted.size < 2) return of([...wanted].map(label.type));
  const all = of([]).filter((one) => wanted.has(storedEntity(one).entityType));
  if (all.length >= limit) return all;
  // of a rare type none may be among the candidates of all types: what is found of it alone stands behind them
  const there = new Set(all.map(({ row }) => row.seq));
  const rest = [...wanted].flatMap((type) => of([label.type(type)])).filter(({ row }) => !there.has(row.seq));
  return [...all, ...rest.map((one) => ({ ...one, relevance: 0 }))];
}

export function recallEntities(view: SessionView, recall: EntityRecall) {
  const { query, limit, explain } = recall;
  const found = entitiesFor(view, recall);
  const ids = found.map(({ subject }) => bytesToId(subject.id));
  const spread = found[0] ? spreadAmong(view, found[0].subject.world, ids) : new Map<string, number>();
  const chosen = best(found, limit, (one) =>
    entityScore(
      { ...one, spread: spread.get(bytesToId(one.subject.id)) ?? 0 },
      view.settings,
      view.options.now,
    ),
  );
  const { values: entities, scores, explained } = answered(chosen, (one) => entityOf(one), explain);
  return { query, entities, scores, ...explained };
}

function bestSkills(view: SessionView, query: string, domain: Domain | undefined, limit: number): Best {
  const labels = domain === undefined ? [] : [label.domain(domain)];
  const found = candidates(view, "skill", { query, labels, least: LEAST, limit });
  const usable = found.filter(({ subject }) => !skillState(subject).deprecated);
  return best(usable, limit, (one) => skillScore({ ...one, ...skillState(one.subject) }));
}

export function recallSkills(view: SessionView, { query, domain, limit, explain }: SkillRecall) {
  const chosen = bestSkills(view, query, domain, limit);
  const { values: skills, explained } = answered(chosen, skillOf, explain);
  return { skills, total: skills.length, ...explained };
}

/** The best skill for a task with its steps as sentences; the confidence is its score, 0 to 1. */
export function howTo(view: SessionView, query: string, domain: Domain | undefined) {
  const [chosen] = bestSkills(view, query, domain, 1);
  if (!chosen) return { query, skill: null, steps: [], confidence: 0 };
  const skill = skillOf(chosen.one);
  return { query, skill, steps: stepsOf(skill), confidence: chosen.parts.score };
}

function stepsOf({ steps, script }: Skill): string[] {
  if (steps.length === 0) return script === null ? [] : [script];
  return steps.map(
    ({ order, action, tool }) => `${order}. ${action}${tool === null ? "" : ` (using ${tool})`}`,
  );
}
