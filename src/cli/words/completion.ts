import type { Word } from "../command.ts";
import { completionScript, SHELLS, type Shell } from "../shells.ts";
import { allWords } from "../words.ts";

export const word: Word = {
  summary: "print a shell's completion script",
  args: "<shell>",
  choices: SHELLS,
  examples: ["dwbase completion bash > /etc/bash_completion.d/dwbase"],
  async run({ args, print }) {
    const shell = args.word(0) as Shell;
    const script = completionScript(shell, await allWords());
    if (print.json) print.document({ shell, script });
    else print.raw(script);
  },
};
