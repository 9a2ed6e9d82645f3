import { type Atom, encodeMsgpack, type NewAtom } from "../../src/atom/mod.ts";
import type { Caller } from "../../src/auth/mod.ts";
import { Fault, newId } from "../../src/base/mod.ts";
import type { BatchItem, Engine, HealthBody, Reply, Want } from "../../src/engine/mod.ts";

import { READS, WRITES } from "./memory-samples.ts";

const EMPTY = new Uint8Array(0);

/** An engine in memory that notes every call and fails when told to. */
export class FakeEngine implements Engine {
  /** Methods called, with what was passed. */
  readonly calls: { method: string; caller: Caller; args: unknown[]; want?: Want }[] = [];
  readonly atoms = new Map<string, Atom>();
  /** What the next calls throw. */
  fault: unknown;
  isReady = true;
  /** Awaited before every answer. */
  gate: Promise<void> = Promise.resolve();

  private async reply(method: string, caller: Caller, args: unknown[], want: Want, make: () => unknown) {
    await this.note(method, caller, args, want);
    return replyOf(make(), want);
  }

  private async note(method: string, caller: Caller, args: unknown[], want?: Want): Promise<void> {
    this.calls.push(want ? { method, caller, args, want } : { method, caller, args });
    await this.gate;
    if (this.fault !== undefined) throw this.fault;
  }

  private store(atom: NewAtom): string {
    const id = atom.id ?? newId(Date.now());
    const { world, worker, kind, payload_json } = atom;
    this.atoms.set(id, {
      id,
      world,
      worker,
      kind,
      timestamp: atom.timestamp ?? "2026-03-01T12:00:00.000Z",
      importance: atom.importance ?? 0.5,
      payload_json,
      vector: atom.vector ?? null,
      flags: atom.flags ?? [],
      labels: atom.labels ?? [],
      links: atom.links ?? [],
    });
    return id;
  }

  private settle(items: BatchItem[]): { id: string | null; code?: string; error?: string }[] {
    return items.map((item) => ("code" in item ? { id: null, ...item } : { id: this.store(item) }));
  }

  remember: Engine["remember"] = (caller, atom, how, want) =>
    this.reply("remember", caller, [atom, how], want, () => this.store(atom));

  rememberBatch: Engine["rememberBatch"] = (caller, items, how, want) =>
    this.reply("rememberBatch", caller, [items, how], want, () => {
      const settled = this.settle(items);
      const errors = settled.flatMap(({ id, ...why }, index) => (id === null ? [{ index, ...why }] : []));
      return { ids: settled.map(({ id }) => id), errors };
    });

  rememberLines: Engine["rememberLines"] = async (caller, items, first, relaxed) => {
    await this.note("rememberLines", caller, [items, first, relaxed]);
    const lines = this.settle(items).map(({ id, ...why }, i) => ({
      index: first + i,
      ...(id ? { id } : why),
    }));
    return plain(new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join("")));
  };

  ask: Engine["ask"] = (caller, request, want) =>
    this.reply("ask", caller, [request], want, () => {
      const supporting_atoms = [...this.atoms.values()].filter(({ world }) => world === request.world);
      return { world: request.world, text: "", supporting_atoms, warnings: [], mode: "exact" };
    });

  replay: Engine["replay"] = async (caller, request, want) => {
    const reply = await this.reply("replay", caller, [request], want, () => [...this.atoms.values()]);
    return { ...reply, next: "page-2" };
  };

  get: Engine["get"] = (caller, id, want) => this.reply("get", caller, [id], want, () => this.find(id));

  forget: Engine["forget"] = async (caller, id) => {
    await this.note("forget", caller, [id]);
    this.find(id);
    this.atoms.delete(id);
    return { ...plain(EMPTY), status: 204 };
  };

  worlds: Engine["worlds"] = (caller, options, want) =>
    this.reply("worlds", caller, [options], want, () => {
      const counted = { name: "w", atoms: 1, bytes: 10, archived: false, description: null, labels: [] };
      return options.counts ? [counted] : ["w"];
    });

  manageWorld: Engine["manageWorld"] = (caller, request, want) =>
    this.reply("manageWorld", caller, [request], want, () => null);

  setPolicy: Engine["setPolicy"] = (caller, request, want) =>
    this.reply("setPolicy", caller, [request], want, () => newId(Date.now()));

  indexStatus: Engine["indexStatus"] = (caller, want) =>
    this.reply("indexStatus", caller, [], want, () => [
      {
        world: "w",
        version: 1,
        embedder_version: null,
        last_rebuilt: null,
        ready: true,
        rebuilding: false,
        progress: 1,
        started_at: null,
        last_progress: null,
        mode: "exact",
        indexed: 1,
        pending: 0,
      },
    ]);

  memoryRead: Engine["memoryRead"] = (caller, session, request, want) =>
    this.reply("memoryRead", caller, [session, request], want, () => READS[request.op]);

  memoryWrite: Engine["memoryWrite"] = async (caller, session, request, want) => {
    const [status, body] = WRITES[request.op];
    const reply = await this.reply("memoryWrite", caller, [session, request], want, () => body);
    return status === 204 ? { ...plain(EMPTY), status } : { ...reply, status };
  };

  health(): HealthBody {
    if (this.fault !== undefined) throw this.fault;
    return {
      status: this.isReady ? "ready" : "degraded",
      message: "",
      disk_usage: { used_bytes: 1, total_bytes: 2, percent_used: 50 },
      index_rebuild_lag_ms: 0,
      version: "0",
      uptime_s: 1,
      memory: { rss_bytes: 1, budget_bytes: 2, stage: "ok" },
      disk: { used_bytes: 1, budget_bytes: 2, stage: "ok" },
      checks: [{ name: "storage", status: "ok", message: "" }],
    };
  }

  ready(): boolean {
    return this.isReady;
  }

  async close(): Promise<void> {}

  private find(id: string): Atom {
    const atom = this.atoms.get(id);
    if (atom) return atom;
    throw new Fault("not_found", `there is no atom ${id}`);
  }
}

function plain(bytes: Uint8Array<ArrayBuffer>): Reply {
  return { status: 200, bytes, gzip: false };
}

function replyOf(value: unknown, want: Want): Reply {
  const bytes =
    want.format === "msgpack" ? encodeMsgpack(value) : new TextEncoder().encode(JSON.stringify(value));
  return want.gzip && bytes.length > 256
    ? { status: 200, bytes: Bun.gzipSync(bytes), gzip: true }
    : plain(bytes);
}
