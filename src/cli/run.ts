import { asFault, exitOf } from "../base/mod.ts";
import { helpText } from "./help.ts";
import { type Io, OutputClosed } from "./io.ts";
import { parse } from "./parse.ts";
import { Printer } from "./printer.ts";
import { find } from "./words.ts";

/**
 * Runs one command line (without the program's name) and resolves with its exit code. Faults become one sentence
 * on stderr; DWBASE_DEBUG=1 adds the stack.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let faultExit: number | undefined;
  try {
    const found = await find(argv);
    if (found.kind === "help") {
      io.out(await helpText(found.path, found.word));
      return 0;
    }
    const { path, action, tokens } = found;
    faultExit = action.faultExit;
    const { args, json, help } = parse(path, action, tokens);
    if (help) {
      io.out(await helpText(path, action));
      return 0;
    }
    return (await action.run({ args, io, print: new Printer(io, json) })) ?? 0;
  } catch (error) {
    if (error instanceof OutputClosed) return 0;
    const fault = asFault(error);
    io.err(`dwbase: ${fault.message}\n`);
    if (io.env.DWBASE_DEBUG === "1")
      io.err(`${fault.stack}\n${fault.cause instanceof Error ? fault.cause.stack : ""}\n`);
    return faultExit ?? exitOf(fault.code);
  }
}
