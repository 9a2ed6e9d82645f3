import { formatTime } from "../base/mod.ts";
import { isStopWord, sentences, stem, words } from "../text/mod.ts";
import type { NewEntity, NewEpisode, NewSkill, NewStep } from "./requests.ts";
import type { Domain } from "./types.ts";

/** What a cluster of episodes is proposed as. */
export type Candidate = { family: "entity"; entity: NewEntity } | { family: "skill"; skill: NewSkill };

/** What tells a candidate from what somebody stated. */
export const SOURCE = "consolidation";

/** Share of a cluster that must have succeeded, and of it that must have used one tool, to show how a thing is done. */
const MOST = 0.6;
const NAME_WORDS = 5;
const NAME_CHARS = 80;
const SUMMARY_CHARS = 1000;
const STEPS = 5;

/** Tools by what they are used for; any other is one of coding, where World Weaver's users come from. */
const DOMAIN_OF_TOOL: Record<string, Domain> = {
  ansible: "devops",
  docker: "devops",
  kubectl: "devops",
  ssh: "devops",
  systemctl: "devops",
  terraform: "devops",
  browser: "research",
  search: "research",
};

/**
 * Extracts a candidate from related episodes, the most central first; nothing is said that no episode says. Where most
 * succeeded with one tool they show how a thing is done, a skill; else they tell about a thing, an entity.
 */
export function candidateOf(episodes: readonly NewEpisode[]): Candidate {
  const name = nameOf(episodes.map(({ content }) => content));
  const successes = episodes.filter(({ outcome }) => outcome === "success");
  const tool = mostUsed(successes);
  return tool !== undefined && successes.length >= MOST * episodes.length
    ? { family: "skill", skill: skillOf(name, episodes, successes, tool) }
    : { family: "entity", entity: entityOf(name, episodes) };
}

function entityOf(name: string, episodes: readonly NewEpisode[]): NewEntity {
  const project = episodes[0]!.context.project;
  const shared = project !== undefined && episodes.every(({ context }) => context.project === project);
  const details = shared ? `${provenance(episodes)}, all of the project ${project}` : provenance(episodes);
  const summary = shorten(episodes[0]!.content, SUMMARY_CHARS);
  return { name, entityType: "CONCEPT", summary, details, source: SOURCE };
}

function skillOf(
  name: string,
  episodes: readonly NewEpisode[],
  successes: readonly NewEpisode[],
  tool: string,
): NewSkill {
  const actions = new Set(successes.map(({ content }) => shorten(content, SUMMARY_CHARS)));
  const steps = [...actions].slice(0, STEPS).map((action, at): NewStep => ({ order: at + 1, action, tool }));
  const task = `${shorten(episodes[0]!.content, SUMMARY_CHARS)} (${SOURCE}: ${provenance(episodes)})`;
  return { name, domain: DOMAIN_OF_TOOL[tool.toLowerCase()] ?? "coding", task, steps };
}

/** The tool that most of the episodes used, if one did. */
function mostUsed(episodes: readonly NewEpisode[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { context } of episodes) {
    if (context.tool) counts.set(context.tool, (counts.get(context.tool) ?? 0) + 1);
  }
  const [tool, count] = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0] ?? [];
  return count !== undefined && count >= MOST * episodes.length ? tool : undefined;
}

function provenance(episodes: readonly NewEpisode[]): string {
  const times = episodes.map(({ timestampMs }) => timestampMs ?? 0);
  const succeeded = episodes.filter(({ outcome }) => outcome === "success").length;
  const span = `from ${formatTime(Math.min(...times))} to ${formatTime(Math.max(...times))}`;
  return `${episodes.length} episodes ${span}, ${succeeded} of them a success`;
}

/** The words that at least half of the texts share, as the most central one has them. */
function nameOf(texts: readonly string[]): string {
  const holders = new Map<string, number>();
  for (const text of texts) {
    for (const term of new Set(words(text).map(stem))) holders.set(term, (holders.get(term) ?? 0) + 1);
  }
  const shared = [...new Set(words(texts[0]!))].filter(
    (word) => !isStopWord(word) && holders.get(stem(word))! >= texts.length / 2,
  );
  return shared.length > 0 ? shared.slice(0, NAME_WORDS).join(" ") : shorten(texts[0]!, NAME_CHARS);
}

/** The first sentence, cut where it must be; never empty. */
function shorten(text: string, max: number): string {
  const sentence = sentences(text)[0] ?? text;
  return sentence.length <= max ? sentence : `${sentence.slice(0, max - 1).toWellFormed()}…`;
}
