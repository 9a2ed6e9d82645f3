/**
 * Measures recall on questions whose evidence is known, through the engine or a running node.
 *
 *   npm run eval -- DIR [--merged] [--json] [--ablation] [--api URL] [--embedder none]
 *
 * DIR holds *.atoms.jsonl (a NewAtom a line, oldest first, one label `turn:<id>`) and *.questions.jsonl
 * ({question, category, evidence: [turn ids]}). --merged puts all conversations into one world; --ablation ranks the
 * first hundred again without each signal; --api sends everything to a node, whose worlds of these names should hold
 * nothing else (a second run, after a restart say, adds nothing).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { NewAtom } from "../../src/atom/mod.ts";
import { CAPABILITIES, type Caller } from "../../src/auth/mod.ts";
import { Fault, LIMITS, MB } from "../../src/base/mod.ts";
import { Client } from "../../src/client/mod.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { ThreadedEngine } from "../../src/engine/mod.ts";
import { SIGNALS } from "../../src/recall/mod.ts";
import { load } from "./data.ts";
import { type Answer, byCategory, type Figures, percentile, ranksOf, table } from "./measure.ts";

/** Where the questions go. */
interface Memory {
  store(atoms: NewAtom[]): Promise<void>;
  ask(world: string, text: string, limit: number): Promise<Answer>;
  close(): Promise<void>;
}

const EVALUATOR: Caller = {
  name: "evaluation",
  admin: false,
  anonymous: false,
  capabilities: new Set(CAPABILITIES),
  readWorlds: [],
  writeWorlds: [],
  importanceCap: 1,
  kinds: [],
  labels: [],
  sessions: [],
  rememberPerSec: 0,
  address: "",
  bucket: "",
};
const WANT = { format: "json", gzip: false } as const;

async function engineMemory(embedder: "static" | "none"): Promise<Memory> {
  const dataDir = mkdtempSync(join(tmpdir(), "dwbase-eval-"));
  const fail = (reason: string): void => console.error(reason);
  const engine = await ThreadedEngine.open({
    dataDir,
    keyring: { keys: {} },
    diskBudget: 0,
    relaxedWindowMs: 1000,
    embedder: { embedder, url: "", model: "", dimension: 0, timeoutMs: 1000, cacheSize: 0 },
    vectors: { cacheBytes: 32 * MB, graphBytes: 0, graphFrom: 0 },
    memory: loadConfig({ env: {}, cwd: dataDir }).config.memory,
    onLog: fail,
    onDamage: (found) => found.forEach(fail),
    onStatus: () => {},
    onBug: fail,
    onDeath: fail,
  });
  return {
    async store(atoms) {
      const reply = await engine.rememberBatch(EVALUATOR, atoms, { relaxed: false }, WANT);
      const { errors } = JSON.parse(new TextDecoder().decode(reply.bytes));
      if (errors.length > 0) throw new Fault(errors[0].code, errors[0].error);
    },
    async ask(world, text, limit) {
      const reply = await engine.ask(EVALUATOR, { world, text, limit, explain: true }, WANT);
      return JSON.parse(new TextDecoder().decode(reply.bytes));
    },
    async close() {
      await engine.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function nodeMemory(api: string): Memory {
  const client = new Client({ api });
  return {
    async store(atoms) {
      const { errors } = await client.rememberBatch(atoms);
      if (errors.length > 0) throw new Fault("invalid_input", errors[0]!.error);
    },
    ask: async (world, text, limit) =>
      (await client.ask({ world, text, limit, explain: true })) as unknown as Answer,
    close: async () => {},
  };
}

async function evaluate(memory: Memory, dir: string, merged: boolean, ablation: boolean) {
  const { atoms, questions } = load(dir, merged);
  for (let from = 0; from < atoms.length; from += LIMITS.batchAtoms) {
    await memory.store(atoms.slice(from, from + LIMITS.batchAtoms));
  }
  const answers: Answer[] = [];
  const times: number[] = [];
  for (const q of questions) {
    const start = performance.now();
    answers.push(await memory.ask(q.world, q.question, ablation ? LIMITS.askLimit : 20));
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const ranked = (without: string[]): number[][] =>
    questions.map((q, at) => ranksOf(q, answers[at]!, without));
  const without: Record<string, Figures> = {};
  if (ablation)
    for (const name of SIGNALS) without[`without ${name}`] = byCategory(questions, ranked([name])).all!;
  return {
    figures: { ...byCategory(questions, ranked([])), ...without },
    ask_ms: { p50: percentile(times, 0.5), p95: percentile(times, 0.95) },
  };
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      merged: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      ablation: { type: "boolean", default: false },
      api: { type: "string" },
      embedder: { type: "string", default: "static" },
    },
  });
  const [dir] = positionals;
  if (dir === undefined) {
    console.error(
      "usage: npm run eval -- DIR [--merged] [--json] [--ablation] [--api URL] [--embedder none]",
    );
    return 2;
  }
  const memory =
    values.api === undefined
      ? await engineMemory(values.embedder === "none" ? "none" : "static")
      : nodeMemory(values.api);
  try {
    const report = await evaluate(memory, dir, values.merged, values.ablation);
    const { p50, p95 } = report.ask_ms;
    console.log(
      values.json
        ? JSON.stringify(report, null, 2)
        : `${table(report.figures)}\nask p50 ${p50.toFixed(2)} ms, p95 ${p95.toFixed(2)} ms`,
    );
    return 0;
  } finally {
    await memory.close();
  }
}

process.exit(await main());
