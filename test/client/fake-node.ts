import { newId } from "../../src/base/mod.ts";

/** A node of the atom family in a few lines: it keeps atoms in memory and speaks the HTTP contract. */
export interface FakeNode {
  url: string;
  atoms: Map<string, Record<string, unknown>>;
  /** Lines of batches as they were sent, by id. */
  sent: Map<string, string>;
  /** Requests as they came, oldest first. */
  requests: { method: string; path: string; key: string | null; body: string }[];
  /** Answers that come before the node's own, oldest first. */
  script: (() => Response | Promise<Response>)[];
  /** Atoms of one replay page. */
  pageSize: number;
  stop(): Promise<void>;
}

export function startFakeNode(listen: { unix: string } | { port: number } = { port: 0 }): FakeNode {
  const fake: FakeNode = {
    url: "",
    atoms: new Map(),
    sent: new Map(),
    requests: [],
    script: [],
    pageSize: 3,
    stop: () => server.stop(true),
  };
  const handle = async (request: Request) => {
    const { pathname, search } = new URL(request.url);
    const body = await request.text();
    const key = request.headers.get("x-api-key");
    fake.requests.push({ method: request.method, path: pathname + search, key, body });
    const scripted = fake.script.shift();
    return scripted ? scripted() : answer(fake, request.method, pathname, body);
  };
  const server =
    "unix" in listen
      ? Bun.serve({ unix: listen.unix, fetch: handle })
      : Bun.serve({ hostname: "127.0.0.1", port: listen.port, fetch: handle });
  fake.url = "unix" in listen ? `unix://${listen.unix}` : `http://127.0.0.1:${server.port}`;
  return fake;
}

export function refusal(status: number, code: string, error: string, headers: Record<string, string> = {}) {
  return Response.json({ code, error }, { status, headers });
}

export const HEALTH = {
  status: "ready",
  message: "ready",
  disk_usage: { used_bytes: 50, total_bytes: 100, percent_used: 50 },
  index_rebuild_lag_ms: 0,
  version: "0.1.0",
  uptime_s: 12,
  memory: { rss_bytes: 50_000_000, budget_bytes: 128_000_000, stage: "ok" },
  disk: { used_bytes: 4096, budget_bytes: 1_000_000, stage: "ok" },
  checks: [],
};

function answer(fake: FakeNode, method: string, path: string, body: string): Response {
  const one = /^\/atoms\/(.+)$/.exec(path)?.[1];
  if (one !== undefined) return atomAnswer(fake, method, one);
  switch (path) {
    case "/healthz":
      return new Response("");
    case "/health":
      return Response.json(HEALTH);
    case "/remember":
      return Response.json(store(fake, JSON.parse(body)));
    case "/remember/batch":
      return batchAnswer(fake, body);
    case "/ask":
      return askAnswer(fake, JSON.parse(body));
    case "/replay":
      return replayAnswer(fake, JSON.parse(body));
    case "/worlds":
      return worldsAnswer(fake);
    case "/worlds/manage":
      return Response.json(null);
    case "/worlds/policy":
      return Response.json("policy-1");
    case "/index/status":
      return Response.json([
        {
          ...{ world: "home", version: 1, embedder_version: "static", last_rebuilt: null, ready: true },
          ...{ rebuilding: false, progress: 1, started_at: null, last_progress: null },
          ...{ mode: "exact", indexed: 3, pending: 0 },
        },
      ]);
    default:
      return refusal(404, "not_found", `there is no ${path}`);
  }
}

/** A stored atom in the wire's form, with the id it has or gets. */
function store(fake: FakeNode, sent: Record<string, unknown>): string {
  const id = typeof sent.id === "string" ? sent.id : newId(Date.UTC(2026, 5, 1));
  const known = fake.atoms.get(id);
  const atom = {
    ...{ id, world: sent.world, worker: sent.worker, kind: sent.kind },
    ...{ timestamp: sent.timestamp ?? "2026-06-01T00:00:00.000Z", importance: sent.importance ?? 0.5 },
    ...{ payload_json: sent.payload_json, vector: null, flags: sent.flags ?? [] },
    ...{ labels: sent.labels ?? [], links: sent.links ?? [] },
  };
  if (known === undefined) fake.atoms.set(id, atom);
  return id;
}

function atomAnswer(fake: FakeNode, method: string, id: string): Response {
  const atom = fake.atoms.get(id);
  if (atom === undefined) return refusal(404, "not_found", `there is no atom ${id}`);
  if (method !== "DELETE") return Response.json(atom);
  fake.atoms.delete(id);
  return new Response(null, { status: 204 });
}

function batchAnswer(fake: FakeNode, body: string): Response {
  const lines = body.split("\n").filter((line) => line !== "");
  const answers = lines.map((line, index) => {
    const atom = JSON.parse(line);
    if (typeof atom.worker !== "string") return { index, code: "invalid_input", error: "worker is missing" };
    // As a node does, it compares with what was sent then: an export is not that.
    const sent = fake.sent.get(atom.id);
    if (sent !== undefined && sent !== line) return { index, code: "conflict", error: "other content" };
    fake.sent.set(atom.id, line);
    return { index, id: store(fake, atom) };
  });
  return new Response(answers.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

function askAnswer(fake: FakeNode, request: { world: string; explain?: boolean }): Response {
  const found = [...fake.atoms.values()].filter(({ world }) => world === request.world).slice(0, 2);
  const scores = found.map(({ id }, i) => ({ id, score: 1.5 - i, lexical: 1, semantic: 0.5 - i }));
  return Response.json({
    world: request.world,
    text: found.length === 0 ? "" : "The filter was changed in May.",
    supporting_atoms: found,
    warnings: ["the index is being rebuilt"],
    mode: "exact",
    ...(request.explain ? { scores } : {}),
  });
}

function replayAnswer(
  fake: FakeNode,
  request: { world: string; filter?: { limit?: number }; after?: string },
): Response {
  const all = [...fake.atoms.values()].filter(({ world }) => world === request.world);
  const from = Number(request.after ?? 0);
  const to = from + Math.min(fake.pageSize, request.filter?.limit ?? fake.pageSize);
  const headers: Record<string, string> = to < all.length ? { "x-next-after": String(to) } : {};
  return Response.json(all.slice(from, to), { headers });
}

function worldsAnswer(fake: FakeNode): Response {
  const names = [...new Set([...fake.atoms.values()].map(({ world }) => String(world)))].sort();
  return Response.json(
    names.map((name) => {
      const atoms = [...fake.atoms.values()].filter(({ world }) => world === name).length;
      return { name, atoms, bytes: atoms * 100, archived: false, description: null, labels: [] };
    }),
  );
}
