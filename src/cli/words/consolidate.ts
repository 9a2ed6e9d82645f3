import type { Context, Word } from "../command.ts";
import { memory, SESSION_OPTIONS } from "../memory.ts";

export const word: Word = {
  summary: "merge what repeats and distil what recurs (admin key)",
  options: [
    {
      flags: "--deep",
      about: "look at the last 7 days and make entities and skills of what recurs (default: 24 h)",
    },
    ...SESSION_OPTIONS,
  ],
  examples: ["dwbase consolidate", "dwbase consolidate --deep"],
  run,
};

interface Consolidated {
  success: boolean;
  type: string;
  results: Record<string, unknown>;
}

async function run(context: Context): Promise<number> {
  const { args, print } = context;
  const answer = await memory<Consolidated>(context, "POST", "/consolidate", { deep: args.has("deep") });
  if (print.json) print.document(answer);
  else
    print.fields([
      ["consolidation", answer.type],
      ...Object.entries(answer.results).map(
        ([name, value]) => [name.replaceAll("_", " "), String(value)] as const,
      ),
    ]);
  return answer.success ? 0 : 1;
}
