import type { Context, Word } from "../command.ts";
import { memory, SESSION_OPTIONS } from "../memory.ts";
import { nodeOf } from "../node.ts";

export const word: Word = {
  summary: "what a session holds, and whether the node is well",
  options: SESSION_OPTIONS,
  examples: ["dwbase status", "dwbase status --session kitchen"],
  run,
};

interface Stats {
  session_id: string;
  episodic: { total_episodes: number };
  semantic: { total_entities: number; total_relations: number };
  procedural: { total_skills: number };
}

async function run(context: Context): Promise<void> {
  const { print } = context;
  const stats = await memory<Stats>(context, "GET", "/stats");
  const { status, message, version } = await nodeOf(context).health();
  if (print.json) return print.document({ ...stats, status, message, version });
  print.fields([
    ["session", stats.session_id],
    ["episodes", String(stats.episodic.total_episodes)],
    ["entities", String(stats.semantic.total_entities)],
    ["relations", String(stats.semantic.total_relations)],
    ["skills", String(stats.procedural.total_skills)],
    ["node", `${status}, version ${version}${message === "" ? "" : `: ${message}`}`],
  ]);
}
