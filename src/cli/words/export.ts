import { resolve } from "node:path";
import { AtomicFile } from "../../base/mod.ts";
import { type Context, NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";

/** The shell's code of a command that Ctrl+C ended. */
const INTERRUPTED = 130;
const PROGRESS_EVERY = 500;

export const word: Word = {
  summary: "write a world's atoms as JSON Lines",
  args: "<world>",
  options: [{ flags: "--out <file>", about: "file instead of stdout, whole or not at all" }, ...NODE_OPTIONS],
  examples: ["dwbase export home --out home.jsonl", "dwbase export home | gzip > home.jsonl.gz"],
  async run(context) {
    const { args, io, print } = context;
    const out = args.text("out") ?? "-";
    if (out === "-") {
      await copy(
        context,
        (line) => io.out(line),
        () => false,
      );
      return 0;
    }
    const path = resolve(io.cwd, out);
    const file = new AtomicFile(path);
    let stopped = false;
    const off = io.onStop(() => {
      stopped = true;
    });
    try {
      const atoms = await copy(
        context,
        (line) => file.write(line),
        () => stopped,
      );
      if (stopped) return INTERRUPTED;
      file.commit();
      if (print.json) print.document({ world: args.word(0), atoms, path });
      else print.line(`wrote ${atoms} atoms to ${path}`);
      return 0;
    } finally {
      off();
      file.abandon();
    }
  },
};

async function copy(
  context: Context,
  write: (line: string) => void,
  stopped: () => boolean,
): Promise<number> {
  const { args, print } = context;
  let atoms = 0;
  for await (const atom of nodeOf(context).replay(args.word(0))) {
    if (stopped()) break;
    write(`${JSON.stringify(atom)}\n`);
    if (++atoms % PROGRESS_EVERY === 0 && args.text("out") !== undefined) {
      print.progress(0, undefined, `${atoms} atoms`);
    }
  }
  print.clear();
  return atoms;
}
