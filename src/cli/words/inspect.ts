import { NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";

export const word: Word = {
  summary: "show one memory whole",
  args: "<id>",
  options: NODE_OPTIONS,
  examples: ["dwbase inspect 01980a3c-7a52-7c11-b1de-0242ac120002"],
  async run(context) {
    const { args, print } = context;
    const atom = await nodeOf(context).get(args.word(0));
    if (print.json) return print.document(atom);
    print.fields([
      ["id", atom.id],
      ["world", atom.world],
      ["worker", atom.worker],
      ["kind", atom.kind],
      ["timestamp", atom.timestamp],
      ["importance", String(atom.importance)],
      ["payload", atom.payload_json],
      ["vector", atom.vector === null ? "none" : `${atom.vector.length} dimensions`],
      ["flags", atom.flags.join(", ")],
      ["labels", atom.labels.join(", ")],
      ["links", atom.links.map(({ kind, target }) => `${kind} ${target}`).join(", ")],
    ]);
  },
};
