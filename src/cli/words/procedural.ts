import { DOMAINS, type Skill } from "../../memory/mod.ts";
import type { Context, Word } from "../command.ts";
import { EXPLAIN, found, limitOption, recall, SESSION_OPTIONS, store } from "../memory.ts";

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
        limitOption(5),
        { flags: "--domain <domain>", about: "only of this domain", choices: DOMAINS },
        EXPLAIN,
        ...SESSION_OPTIONS,
      ],
      examples: ["dwbase procedural search bring out a release"],
      run: search,
    },
  },
};

function add(context: Context): Promise<void> {
  const { args } = context;
  return store(context, "/skills", {
    name: args.word(0),
    domain: args.text("domain") ?? "coding",
    task: args.rest(1).join(" "),
    steps: (args.list("step") ?? []).map((action, at) => ({ order: at + 1, action })),
    script: args.text("script"),
    trigger_pattern: args.text("trigger"),
  });
}

async function search(context: Context): Promise<void> {
  const { args, print } = context;
  const answer = await recall<{ skills: Skill[]; explain?: object[] }>(context, "/skills/recall", {
    domain: args.text("domain"),
  });
  if (print.json) return print.document(answer);
  if (answer.skills.length === 0) print.note("no skill is like that");
  answer.skills.forEach((skill, at) => {
    const done = `${Math.round(skill.success_rate * 100)} % of ${skill.execution_count}`;
    const head = [...(print.fancy ? [] : [skill.id]), skill.domain, skill.name, done];
    const steps = skill.steps.map(({ order, action }) => `${order}. ${action}`).join(" ");
    found(context, head, steps, answer.explain?.[at]);
  });
}
