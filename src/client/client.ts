import type { AskRequest, Atom, AtomFilter, NewAtom, PolicyRequest, WorldRequest } from "../atom/mod.ts";
import type { KeyView, MadeKey } from "../auth/mod.ts";
import { Fault, LIMITS } from "../base/mod.ts";
import { type Address, parseApi } from "./address.ts";
import { Transport } from "./transport.ts";
import type { AskAnswer, BatchAnswer, Health, IndexInfo, LineAnswer, WorldInfo } from "./types.ts";

export interface ClientOptions {
  /** See `parseApi`. */
  api: string;
  key?: string | undefined;
  /** Sent only once the node has asked for a key, when there is no `key`: an open node never sees it. */
  spareKey?: string | undefined;
  /** How long the node may keep silent, ms; default `LIMITS.clientTimeoutMs`. */
  timeoutMs?: number | undefined;
  /** What to do when nothing answers, behind a semicolon. */
  hint?: string | undefined;
}

export interface ReplayPage {
  atoms: Atom[];
  /** Cursor of the next page; undefined on the last. */
  next: string | undefined;
}

/**
 * A typed client of the atom family. Every method rejects with a Fault: the node's own code and sentence, or
 * `unreachable`.
 */
export class Client {
  private readonly transport: Transport;

  /** @throws Fault usage when `api` is no address. */
  constructor(options: ClientOptions) {
    const address = parseApi(options.api);
    const { key, spareKey, timeoutMs = LIMITS.clientTimeoutMs, hint } = options;
    this.transport = new Transport(address, key, timeoutMs, spareKey, hint);
  }

  get address(): Address {
    return this.transport.address;
  }

  /** Stores one atom; resolves with its id once it is on the node's disk. */
  async remember(atom: NewAtom): Promise<string> {
    const id = await this.post("/remember", atom);
    if (typeof id !== "string") throw this.transport.notANode("it gave no id");
    return id;
  }

  /** Stores up to 1000 atoms in one transaction. */
  async rememberBatch(atoms: NewAtom[]): Promise<BatchAnswer> {
    return (await this.post("/remember/batch", { atoms })) as BatchAnswer;
  }

  /** Sends NDJSON lines in one request; one answer a line, in order, and perhaps a last one without an index. */
  async rememberLines(body: Uint8Array<ArrayBuffer>): Promise<LineAnswer[]> {
    const type = "application/x-ndjson";
    const path = "/remember/batch";
    const { text } = await this.transport.send({
      method: "POST",
      path,
      body,
      type,
      headers: { accept: type },
    });
    try {
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as LineAnswer);
    } catch {
      throw this.transport.notANode("its answer lines are not JSON");
    }
  }

  async ask(request: AskRequest): Promise<AskAnswer> {
    return (await this.post("/ask", request)) as AskAnswer;
  }

  /** One page of a world's log, oldest first; `after` is a previous page's `next`. */
  async replayPage(world: string, filter: AtomFilter = {}, after?: string): Promise<ReplayPage> {
    const body = JSON.stringify({ world, filter, ...(after === undefined ? {} : { after }) });
    const received = await this.transport.send({ method: "POST", path: "/replay", body });
    const atoms = this.transport.json(received);
    if (!Array.isArray(atoms)) throw this.transport.notANode("its replay is not a list");
    return { atoms, next: received.headers.get("x-next-after") ?? undefined };
  }

  /** A world's log, oldest first, page by page; `filter.limit` bounds the whole. */
  async *replay(world: string, filter: AtomFilter = {}): AsyncGenerator<Atom> {
    let left = filter.limit ?? Number.POSITIVE_INFINITY;
    let after: string | undefined;
    do {
      const limit = Math.min(left, LIMITS.replayAtoms);
      const page = await this.replayPage(world, { ...filter, limit }, after);
      yield* page.atoms;
      left -= page.atoms.length;
      if (page.next !== undefined && page.next === after) {
        throw new Fault("internal_error", `the replay of ${world} does not advance; please report it`);
      }
      after = page.next;
    } while (after !== undefined && left > 0);
  }

  async get(id: string): Promise<Atom> {
    return (await this.fetch(`/atoms/${encodeURIComponent(id)}`)) as Atom;
  }

  async forget(id: string): Promise<void> {
    await this.transport.send({ method: "DELETE", path: `/atoms/${encodeURIComponent(id)}` });
  }

  /** Worlds that the key may read, sorted by name. */
  async worlds(options: { archived: boolean }): Promise<WorldInfo[]> {
    const path = `/worlds?counts=true${options.archived ? "&archived=true" : ""}`;
    return (await this.fetch(path)) as WorldInfo[];
  }

  async manageWorld(request: WorldRequest): Promise<void> {
    await this.post("/worlds/manage", request);
  }

  /** Resolves with the policy's id. */
  async setPolicy(request: PolicyRequest): Promise<string> {
    return (await this.post("/worlds/policy", request)) as string;
  }

  async indexStatus(): Promise<IndexInfo[]> {
    return (await this.fetch("/index/status")) as IndexInfo[];
  }

  async health(): Promise<Health> {
    const body = (await this.fetch("/health")) as Partial<Health> | null;
    if (typeof body?.status !== "string") throw this.transport.notANode("it has no health");
    return body as Health;
  }

  /** Makes a key; needs an admin key. */
  async createKey(key: object): Promise<MadeKey> {
    return (await this.post("/keys", key)) as MadeKey;
  }

  async keys(): Promise<KeyView[]> {
    return (await this.fetch("/keys")) as KeyView[];
  }

  async revokeKey(id: string): Promise<void> {
    await this.transport.send({ method: "DELETE", path: `/keys/${encodeURIComponent(id)}` });
  }

  /** The metrics as Prometheus text. */
  async metrics(): Promise<string> {
    return (await this.transport.send({ method: "GET", path: "/metrics" })).text;
  }

  /** One request to the control plane; `path` is what stands after /api/v1/control. Needs an admin key. */
  async control<T>(method: "GET" | "POST" | "PATCH", path: string, body?: object): Promise<T> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const received = await this.transport.send({ method, path: `/api/v1/control${path}`, ...sent });
    return this.transport.json(received) as T;
  }

  /**
   * One request to the memory family.
   * @param path what stands after /api/v1
   * @param session whose memory; the node's own when undefined
   */
  async memory<T>(
    method: "GET" | "POST",
    path: string,
    { session, body }: { session?: string | undefined; body?: object } = {},
  ): Promise<T> {
    const received = await this.transport.send({
      method,
      path: `/api/v1${path}`,
      ...(session === undefined ? {} : { headers: { "x-session-id": session } }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return this.transport.json(received) as T;
  }

  private async fetch(path: string): Promise<unknown> {
    return this.transport.json(await this.transport.send({ method: "GET", path }));
  }

  private async post(path: string, body: object): Promise<unknown> {
    const sent = await this.transport.send({ method: "POST", path, body: JSON.stringify(body) });
    return this.transport.json(sent);
  }
}
