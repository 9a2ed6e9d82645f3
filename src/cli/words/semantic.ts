import { LIMITS } from "../../base/mod.ts";
import { ENTITY_TYPES, type Entity } from "../../memory/mod.ts";
import type { Context, Word } from "../command.ts";
import { EXPLAIN, found, limitOption, recall, SESSION_OPTIONS, store } from "../memory.ts";

export const word: Word = {
  summary: "what is so: store and find entities",
  actions: {
    add: {
      summary: "store an entity with what is known of it",
      args: "<name> <...summary>",
      options: [
        { flags: "--type <type>", about: "what it is (default CONCEPT)", choices: ENTITY_TYPES },
        { flags: "--details <text>", about: "more than the summary says" },
        { flags: "--source <source>", about: "where it is known from" },
        ...SESSION_OPTIONS,
      ],
      examples: ["dwbase semantic add pump1 the pump in the cellar, made in 2019 --type TOOL"],
      run: add,
    },
    search: {
      summary: "find entities by what is known of them",
      args: "<...question>",
      options: [
        limitOption(LIMITS.askDefault),
        { flags: "--type <type>", about: "only of this type", repeat: true, choices: ENTITY_TYPES },
        EXPLAIN,
        ...SESSION_OPTIONS,
      ],
      examples: ["dwbase semantic search cellar pump --type TOOL"],
      run: search,
    },
  },
};

function add(context: Context): Promise<void> {
  const { args } = context;
  return store(context, "/entities", {
    name: args.word(0),
    entity_type: args.text("type") ?? "CONCEPT",
    summary: args.rest(1).join(" "),
    details: args.text("details"),
    source: args.text("source"),
  });
}

async function search(context: Context): Promise<void> {
  const { args, print } = context;
  const answer = await recall<{ entities: Entity[]; scores: number[]; explain?: object[] }>(
    context,
    "/entities/recall",
    { entity_types: args.list("type") },
  );
  if (print.json) return print.document(answer);
  if (answer.entities.length === 0) print.note("no entity is like that");
  answer.entities.forEach(({ id, name, entity_type, summary }, at) => {
    const head = [answer.scores[at]!.toFixed(3), ...(print.fancy ? [] : [id]), entity_type, name];
    found(context, head, summary, answer.explain?.[at]);
  });
}
