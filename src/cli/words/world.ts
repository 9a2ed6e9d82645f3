import type { PolicyRequest, WorldAction } from "../../atom/mod.ts";
import { Fault } from "../../base/mod.ts";
import { type Action, type Context, NODE_OPTIONS, type OptionSpec, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";

export const word: Word = {
  summary: "create, archive, resume, delete a world, or set its policy",
  actions: {
    create: manage(
      "create",
      "make a world",
      "dwbase world create home --description 'the house' --labels iot,demo",
      [
        { flags: "--description <text>", about: "what the world is for" },
        { flags: "--labels <a,b>", about: "labels, separated by commas" },
      ],
    ),
    archive: manage("archive", "close a world to writing; it stays readable", "dwbase world archive home"),
    resume: manage("resume", "open an archived world again", "dwbase world resume home"),
    policy: {
      summary: "set what a world keeps",
      args: "<world>",
      options: [
        { flags: "--retention-days <n>", about: "keep memories so long" },
        { flags: "--min-importance <x>", about: "keep memories of this importance, 0 to 1" },
        { flags: "--max-bytes <n>", about: "keep at most so many bytes" },
        { flags: "--replication-allow <a,b>", about: "world prefixes that may be replicated" },
        { flags: "--replication-deny <a,b>", about: "world prefixes that may not" },
        ...NODE_OPTIONS,
      ],
      examples: ["dwbase world policy home --retention-days 30 --min-importance 0.2"],
      run: setPolicy,
    },
    delete: manage("delete", "delete a world with all it remembers", "dwbase world delete home --yes", [
      { flags: "--yes", about: "really delete it" },
    ]),
  },
};

const DONE: Record<WorldAction, string> = {
  create: "created",
  archive: "archived",
  resume: "resumed",
  delete: "deleted",
};

function manage(action: WorldAction, summary: string, example: string, options: OptionSpec[] = []): Action {
  return {
    summary,
    args: "<world>",
    options: [...options, ...NODE_OPTIONS],
    examples: [example],
    async run(context) {
      const { args, print } = context;
      const world = args.word(0);
      if (action === "delete" && !args.has("yes")) {
        throw new Fault("usage", `this deletes ${world} with all it remembers; add --yes`);
      }
      const description = args.text("description");
      const labels = args.commaList("labels");
      await nodeOf(context).manageWorld({
        action,
        world,
        ...(description === undefined ? {} : { description }),
        ...(labels === undefined ? {} : { labels }),
      });
      if (print.json) print.document({ world, done: DONE[action] });
      else print.line(`${DONE[action]} ${world}`);
    },
  };
}

async function setPolicy(context: Context): Promise<void> {
  const { args, print } = context;
  const fields = {
    retention_days: args.number("retention-days", { min: 0 }),
    min_importance: args.number("min-importance", { min: 0, max: 1 }),
    max_bytes: args.number("max-bytes", { min: 1, whole: true }),
    replication_allow: args.commaList("replication-allow"),
    replication_deny: args.commaList("replication-deny"),
  };
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  if (Object.keys(given).length === 0) {
    throw new Fault("usage", "a policy needs at least one setting, such as --retention-days 30");
  }
  const id = await nodeOf(context).setPolicy({ world: args.word(0), ...given } as PolicyRequest);
  if (print.json) print.document({ id });
  else print.line(id);
}
