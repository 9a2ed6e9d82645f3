import { Fault, LIMITS, MB } from "../../base/mod.ts";
import { Client } from "../../client/mod.ts";
import { type Bench, type FaultKind, until } from "./types.ts";

const REFUSED_MS = 15_000;
const RESUMED_MS = 30_000;
/** Room that a tight budget leaves, and the smallest budget that is accepted. */
const ROOM_MB = 2;
const LEAST_MB = 8;

/** The volume fills up under load: new memories are refused, all else goes on, and writing resumes by itself. */
export const fullDisk: FaultKind = {
  name: "full_disk",
  async make(bench) {
    const { volume, workload } = bench;
    const before = workload.refusals.disk_full ?? 0;
    await (volume.own ? volume.fill() : tightenBudget(bench));
    const refused = await until(() => (workload.refusals.disk_full ?? 0) > before, REFUSED_MS);
    const problems =
      refused === undefined ? ["the full disk was not answered with 507"] : await serves(bench);
    await (volume.own ? volume.empty() : restart(bench));
    const recovered_ms = await until(() => remembers(bench), RESUMED_MS);
    if (recovered_ms === undefined) problems.push("writing did not resume when there was space again");
    await workload.stop();
    return {
      detail: `${volume.name} was full; after ${refused ?? REFUSED_MS} ms new memories were refused`,
      problems,
      ...(recovered_ms === undefined ? {} : { recovered_ms }),
    };
  },
};

/** Where the disk must not be filled, the budget leaves room for little more than there is. */
async function tightenBudget(bench: Bench): Promise<void> {
  const used = Math.ceil((bench.node.diskBytes() + LIMITS.ballastBytes) / MB);
  await restart(bench, { DWBASE_MAX_DISK_MB: String(Math.max(used + ROOM_MB, LEAST_MB)) });
  bench.workload.start(bench.node.url);
}

async function restart({ node, workload }: Bench, env: Record<string, string> = {}): Promise<void> {
  await workload.stop();
  await node.stop();
  await node.start(env);
}

/** What must go on while the disk is full. */
async function serves({ node, model, dice }: Bench): Promise<string[]> {
  const client = new Client({ api: node.url });
  const problems: string[] = [];
  const attempt = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      problems.push(`${what} failed on the full disk: ${(error as Error).message}`);
    }
  };
  const atom = model.pick(dice.next());
  await attempt("/health", () => client.health());
  if (!atom) return problems;
  await attempt("a question", () => client.ask({ world: atom.world, text: "anything" }));
  await attempt("reading an atom", () => client.get(atom.id));
  model.forgetting(atom.id);
  await attempt("forgetting", async () => {
    await client.forget(atom.id);
    model.forgot(atom.id);
  });
  return problems;
}

async function remembers({ node, model, dice }: Bench): Promise<boolean> {
  const atom = { id: crypto.randomUUID(), world: "soak/home", payload: JSON.stringify({ n: dice.next() }) };
  model.sending(atom);
  const { payload, ...rest } = atom;
  try {
    const client = new Client({ api: node.url });
    await client.remember({ ...rest, worker: "soak", kind: "observation", payload_json: payload });
    model.acked(atom.id);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === "disk_full") model.refused(atom.id);
    return false;
  }
}
