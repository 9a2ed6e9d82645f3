import { LIMITS } from "../../base/mod.ts";
import { DOMAINS, type Skill } from "../../memory/mod.ts";
import type { Context, Word } from "../command.ts";
import { EXPLAIN, found, given, memory, SESSION_OPTIONS } from "../memory.ts";

export const word: Word = {
  summary: "how it is done: store and find skills",
  actions: {
    add: {
      summary: "store a skill with its steps",
      args: "<name> <...task>",
      options: [
        { flags: "--domain <domain>", about: "what it is for (default coding)", choices: DOMAINS },
        { flags: "--step <action>", about: "one step, in their order", repeat: true },
        { flags: "--script <text>", about: "the script that does it" },
        { flags: "--trigger <pattern>", about: "what calls for it" },
        ...SESSION_OPTIONS,
      ],
      examples: [
        'dwbase procedural add deploy "bring a release out" --domain devops --step build --step "copy to the host"',
      ],
      run: add,
    },
    search: {
      summary: "find skills by what they do",
      args: "<...question>",
      options: [
        { flags: "-l, --limit <n>", about: `how many, 1 to ${LIMITS.askLimit} (default 5)` },
        { flags: "--domain <domain>", about: "only of this domain", choices: DOMAINS },
        EXPLAIN,
        ...SESSION_OPTIONS,
      ],
      examples: ["dwbase procedural search bring out a release"],
      run: search,
    },
  },
};

async function add(context: Context): Promise<void> {
  const { args, print } = context;
  const steps = (args.list("step") ?? []).map((action, at) => ({ order: at + 1, action }));
  const skill = await memory<Skill>(
    context,
    "POST",
    "/skills",
    given({
      name: args.word(0),
      domain: args.text("domain") ?? "coding",
      task: args.rest(1).join(" "),
      steps,
      script: args.text("script"),
      trigger_pattern: args.text("trigger"),
    }),
  );
  if (print.json) print.document(skill);
  else print.line(skill.id);
}

async function search(context: Context): Promise<void> {
  const { args, print } = context;
  const answer = await memory<{ skills: Skill[]; explain?: object[] }>(
    context,
    "POST",
    "/skills/recall",
    given({
      query: args.rest(0).join(" "),
      limit: args.number("limit", { min: 1, max: LIMITS.askLimit, whole: true }),
      domain: args.text("domain"),
      explain: args.has("explain") || undefined,
    }),
  );
  if (print.json) return print.document(answer);
  if (answer.skills.length === 0) print.note("no skill is like that");
  answer.skills.forEach((skill, at) => {
    const done = `${Math.round(skill.success_rate * 100)} % of ${skill.execution_count}`;
    const head = [...(print.fancy ? [] : [skill.id]), skill.domain, skill.name, done];
    const steps = skill.steps.map(({ order, action }) => `${order}. ${action}`).join(" ");
    found(context, head, steps, answer.explain?.[at]);
  });
}
