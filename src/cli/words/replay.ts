import { formatTime } from "../../base/mod.ts";
import { atomRow, textOf } from "../atoms.ts";
import { NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";
import { cut, oneLine } from "../printer.ts";
import { parseWhen, showTime } from "../when.ts";

export const word: Word = {
  summary: "show a world's memories, oldest first",
  args: "<world>",
  options: [
    { flags: "-l, --limit <n>", about: "at most so many" },
    { flags: "--since <time>", about: "only memories since 2h, 3d, yesterday or a date" },
    ...NODE_OPTIONS,
  ],
  examples: ["dwbase replay home --since yesterday", "dwbase replay home -l 20 --json"],
  async run(context) {
    const { args, io, print } = context;
    const limit = args.number("limit", { min: 1, whole: true });
    const since = args.text("since");
    const atoms = nodeOf(context).replay(args.word(0), {
      ...(limit === undefined ? {} : { limit }),
      ...(since === undefined ? {} : { since: formatTime(parseWhen("--since", since, io.now())) }),
    });
    // One array, written as it arrives: a log may be longer than memory.
    let before = "[";
    for await (const atom of atoms) {
      if (print.json) print.raw(`${before}${JSON.stringify(atom)}`);
      else if (!print.fancy) print.line(atomRow(atom).map(oneLine).join("\t"));
      else {
        const head = `${showTime(atom.timestamp)}  ${oneLine(atom.worker)}  `;
        const room = Math.max(20, print.columns - Bun.stringWidth(head));
        print.line(print.style("dim", head) + cut(oneLine(textOf(atom)), room));
      }
      before = ",\n";
    }
    if (print.json) print.raw(before === "[" ? "[]\n" : "]\n");
  },
};
