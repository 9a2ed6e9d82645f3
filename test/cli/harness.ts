import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "../../src/base/mod.ts";
import { type Io, run } from "../../src/cli/mod.ts";
import { type FakeNode, startFakeNode } from "../client/fake-node.ts";

/** A Monday noon in the device's own zone. */
export const NOW = new Date(2026, 5, 1, 12, 0, 0).getTime();

export interface Ran {
  code: number;
  out: string;
  err: string;
}

export interface Given {
  stdin?: string | string[];
  env?: Record<string, string>;
  tty?: boolean;
}

/** A command line with a node behind it and a directory of its own, inside the test's process. */
export interface Bench {
  node: FakeNode;
  dir: string;
  run(argv: string[], given?: Given): Promise<Ran>;
  close(): Promise<void>;
}

export function openBench(): Bench {
  const node = startFakeNode();
  const dir = mkdtempSync(join(tmpdir(), "dwbase-cli-"));
  return {
    node,
    dir,
    run: (argv, given = {}) => runWith(dir, argv, { ...given, env: { DWBASE_API: node.url, ...given.env } }),
    async close() {
      await node.stop();
      rmSync(dir, { recursive: true });
    },
  };
}

async function runWith(dir: string, argv: string[], given: Given): Promise<Ran> {
  const ran = { code: 0, out: "", err: "" };
  const tty = given.tty ?? false;
  const decoder = new TextDecoder();
  const io: Io = {
    env: { NO_COLOR: "1", ...given.env },
    cwd: dir,
    tty: { in: tty, out: tty, err: tty },
    columns: 80,
    stdin: pieces(given.stdin ?? ""),
    out: (text) => {
      ran.out += typeof text === "string" ? text : decoder.decode(text);
    },
    err: (text) => {
      ran.err += text;
    },
    now: () => NOW,
    onStop: () => () => {},
  };
  ran.code = await run(argv, io);
  return ran;
}

async function* pieces(text: string | string[]): AsyncGenerator<Uint8Array> {
  for (const piece of [text].flat()) yield encodeUtf8(piece);
}
