import { Fault, LIMITS } from "../../base/mod.ts";
import { type Episode, OUTCOMES } from "../../memory/mod.ts";
import type { Context, OptionSpec, Word } from "../command.ts";
import {
  EXPLAIN,
  found,
  limitOf,
  limitOption,
  memory,
  queryOf,
  recall,
  SESSION_OPTIONS,
  store,
  timeOf,
} from "../memory.ts";
import { showTime } from "../when.ts";

const PROJECT: OptionSpec = { flags: "--project <project>", about: "the project that it belongs to" };
const OUTCOME: OptionSpec = { flags: "--outcome <outcome>", about: "how it went", choices: OUTCOMES };
const LIMIT = limitOption(LIMITS.askDefault);

export const word: Word = {
  summary: "what happened: store and find episodes",
  actions: {
    add: {
      summary: "store an episode",
      args: "<...text>",
      options: [
        PROJECT,
        { flags: "--file <file>", about: "the file that it was about" },
        { flags: "--tool <tool>", about: "the tool that was used" },
        OUTCOME,
        { flags: "--importance <n>", about: "0 to 1 (default 0.5)" },
        { flags: "--at <time>", about: "when it happened: 2h, yesterday or a date (default now)" },
        ...SESSION_OPTIONS,
      ],
      examples: ['dwbase episodic add "the deploy failed on a full disk" --project shop --outcome failure'],
      run: add,
    },
    search: {
      summary: "find episodes by what they say",
      args: "<...question>",
      options: [
        LIMIT,
        PROJECT,
        OUTCOME,
        { flags: "--min-similarity <n>", about: "0 to 1 (default 0.5)" },
        EXPLAIN,
        ...SESSION_OPTIONS,
      ],
      examples: ['dwbase episodic search "why did the deploy fail?"'],
      run: search,
    },
    recent: {
      summary: "list the newest episodes",
      options: [LIMIT, PROJECT, OUTCOME, ...SESSION_OPTIONS],
      examples: ["dwbase episodic recent --limit 5"],
      run: recent,
    },
  },
};

async function add(context: Context): Promise<void> {
  const { args } = context;
  const content = args.rest(0).join(" ");
  if (content.trim() === "") throw new Fault("usage", "say what happened: dwbase episodic add TEXT");
  await store(context, "/episodes", {
    content,
    project: args.text("project"),
    file: args.text("file"),
    tool: args.text("tool"),
    outcome: args.text("outcome"),
    emotional_valence: args.number("importance", { min: 0, max: 1 }),
    timestamp: timeOf(context, "at"),
  });
}

async function search(context: Context): Promise<void> {
  const { args, print } = context;
  const answer = await recall<{ episodes: Episode[]; scores: number[]; explain?: object[] }>(
    context,
    "/episodes/recall",
    {
      min_similarity: args.number("min-similarity", { min: 0, max: 1 }),
      project: args.text("project"),
      outcome: args.text("outcome"),
    },
  );
  if (print.json) return print.document(answer);
  if (answer.episodes.length === 0) print.note("no episode is like that");
  answer.episodes.forEach((episode, at) => {
    show(context, episode, answer.scores[at], answer.explain?.[at]);
  });
}

async function recent(context: Context): Promise<void> {
  const { args, print } = context;
  const query = queryOf({
    page_size: limitOf(context) ?? LIMITS.askDefault,
    project: args.text("project"),
    outcome: args.text("outcome"),
  });
  const answer = await memory<{ episodes: Episode[]; total: number }>(context, "GET", `/episodes${query}`);
  if (print.json) return print.document(answer);
  if (answer.episodes.length === 0) print.note("there is no such episode");
  for (const episode of answer.episodes) show(context, episode);
}

function show(context: Context, episode: Episode, score?: number, signals?: object): void {
  const { id, outcome, timestamp, content } = episode;
  const time = context.print.fancy ? showTime(timestamp) : timestamp;
  const head = context.print.fancy ? [time, outcome] : [id, time, outcome];
  found(context, score === undefined ? head : [score.toFixed(3), ...head], content, signals);
}
