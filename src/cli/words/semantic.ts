import { LIMITS } from "../../base/mod.ts";
import { ENTITY_TYPES, type Entity } from "../../memory/mod.ts";
import type { Context, Word } from "../command.ts";
import { EXPLAIN, found, given, memory, SESSION_OPTIONS } from "../memory.ts";

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
        { flags: "-l, --limit <n>", about: `how many, 1 to ${LIMITS.askLimit} (default 10)` },
        { flags: "--type <type>", about: "only of this type", repeat: true, choices: ENTITY_TYPES },
        EXPLAIN,
        ...SESSION_OPTIONS,
      ],
      examples: ["dwbase semantic search cellar pump --type TOOL"],
      run: search,
    },
  },
};

async function add(context: Context): Promise<void> {
  const { args, print } = context;
  const entity = await memory<Entity>(
    context,
    "POST",
    "/entities",
    given({
      name: args.word(0),
      entity_type: args.text("type") ?? "CONCEPT",
      summary: args.rest(1).join(" "),
      details: args.text("details"),
      source: args.text("source"),
    }),
  );
  if (print.json) print.document(entity);
  else print.line(entity.id);
}

async function search(context: Context): Promise<void> {
  const { args, print } = context;
  const answer = await memory<{ entities: Entity[]; scores: number[]; explain?: object[] }>(
    context,
    "POST",
    "/entities/recall",
    given({
      query: args.rest(0).join(" "),
      limit: args.number("limit", { min: 1, max: LIMITS.askLimit, whole: true }),
      entity_types: args.list("type"),
      explain: args.has("explain") || undefined,
    }),
  );
  if (print.json) return print.document(answer);
  if (answer.entities.length === 0) print.note("no entity is like that");
  answer.entities.forEach(({ id, name, entity_type, summary }, at) => {
    const head = [answer.scores[at]!.toFixed(3), ...(print.fancy ? [] : [id]), entity_type, name];
    found(context, head, summary, answer.explain?.[at]);
  });
}
