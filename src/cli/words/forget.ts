import { NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";

export const word: Word = {
  summary: "forget one memory for good",
  args: "<id>",
  options: NODE_OPTIONS,
  examples: ["dwbase forget 01980a3c-7a52-7c11-b1de-0242ac120002"],
  async run(context) {
    const { args, print } = context;
    const id = args.word(0);
    await nodeOf(context).forget(id);
    if (print.json) print.document({ forgotten: id });
    else print.line(`forgotten ${id}`);
  },
};
