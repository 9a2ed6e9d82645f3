/** World Weaver's deployment guide as its reader follows it: the settings and every curl line as they are printed. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { cleanEnv, deepCheck, freePort, scratch, suite, TestNode } from "./harness.ts";

const ROOT = resolve(import.meta.dir, "../..");
const SHARED = process.env.DWBASE_SHARED ?? resolve(ROOT, "../shared");
const GUIDE = join(SHARED, "seeds/world-weaver-deployment.txt");
const MISSING = existsSync(GUIDE) ? "" : ` (skipped: there is no ${GUIDE}; set DWBASE_SHARED)`;
const CONFIG = join(ROOT, "deploy/worldweaver.toml");
/** The guide's port, and that of `deploy/worldweaver.toml`. */
const PORT = 8765;
/** What the guide asks of two services that this executable takes the place of; nothing listens there. */
const REPLACED = /localhost:(6333|7474)\b/;

const ADMIN = "/api/v1/control";
/** What each curl line should be answered, in the guide's order. */
const EXPECTED: [line: string, status: number, body: object][] = [
  ["GET /api/v1/health", 200, { status: "healthy" }],
  [`GET ${ADMIN}/flags`, 200, {}],
  [`PATCH ${ADMIN}/flags/telemetry`, 200, { name: "telemetry", enabled: false }],
  [`POST ${ADMIN}/emergency/panic`, 200, { panic_level: "LIMITED" }],
  [`POST ${ADMIN}/emergency/recover`, 200, { panic_level: "NONE" }],
  [`GET ${ADMIN}/circuits`, 200, {}],
  [`POST ${ADMIN}/circuits/database`, 200, { name: "database", state: "closed" }],
];

const guide = MISSING === "" ? readFileSync(GUIDE, "utf8") : "";

/** The lines of all fenced blocks, a continued one as one. */
function blockLines(): string[] {
  return [...guide.matchAll(/^( *)```\w*\n([\s\S]*?)\n\1```/gm)].flatMap(([, indent = "", block = ""]) => {
    const lines = block.split("\n").map((line) => line.slice(indent.length));
    return lines
      .join("\n")
      .replaceAll(/\\\n\s*/g, "\\\n")
      .split(/(?<!\\)\n/);
  });
}

function curlLines(): string[] {
  return blockLines().filter((line) => /^\s*curl\s/.test(line));
}

/** Method and path of a curl line. */
function asked(line: string): string {
  const method = /-X\s+(\w+)/.exec(line)?.[1] ?? (/\s-d\s/.test(line) ? "POST" : "GET");
  return `${method} ${/https?:\/\/[^/\s]+(\S*)/.exec(line)?.[1]}`;
}

/**
 * The guide's settings as a shell understands them, in its order, so that a later one counts; the passwords that it
 * leaves to the reader are filled in, and its host for traces is one that there is.
 */
function settings(): string {
  const lines = blockLines().filter((line) => /^\s*(WW|NEO4J|QDRANT)_\w+=/.test(line));
  return lines
    .join("\n")
    .replaceAll(/<[\w-]+>/g, "a-password-of-enough-characters")
    .replaceAll("jaeger", "127.0.0.1");
}

async function shell(script: string, env: Record<string, string>): Promise<string> {
  const child = Bun.spawn(["bash", "-c", script], {
    env: cleanEnv(env),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  return await child.stdout.text();
}

/** The environment that the settings make. */
async function environment(): Promise<Record<string, string>> {
  const text = await shell(`set -a\n${settings()}\nset +a\nenv`, {});
  return Object.fromEntries(
    [...text.matchAll(/^((?:WW|NEO4J|QDRANT)_\w+)=(.*)$/gm)].map((found) => found.slice(1)),
  );
}

async function portFor(): Promise<number> {
  const server = createServer();
  const free = await new Promise<boolean>((answered) => {
    server.once("error", () => answered(false)).listen(PORT, "127.0.0.1", () => answered(true));
  });
  if (free) await new Promise((closed) => server.close(closed));
  return free ? PORT : await freePort();
}

/** A node as the guide has it; where its port is taken, another one is the only thing that differs. */
async function guideNode(env: Record<string, string>): Promise<TestNode> {
  const port = await portFor();
  const other: Record<string, string> = port === PORT ? {} : { WW_API_PORT: String(port) };
  const node = await TestNode.start({ listen: "", args: ["--config", CONFIG], env: { ...env, ...other } });
  expect(node.port).toBe(port);
  return node;
}

/** Runs a line of the guide in a shell. @returns the status and the body that it printed */
async function follow(node: TestNode, line: string): Promise<{ status: number; body: unknown }> {
  const home = scratch();
  writeFileSync(join(home, ".curlrc"), 'silent\nwrite-out = "\\n%{http_code}"\n');
  const TOKEN = readFileSync(join(node.dir, "secrets/admin.key"), "utf8").trim();
  const out = await shell(line.replaceAll(`localhost:${PORT}`, `localhost:${node.port}`), {
    CURL_HOME: home,
    TOKEN,
  });
  const [, body, status] = /^([\s\S]*)\n(\d{3})$/.exec(out) ?? [];
  return { status: Number(status), body: JSON.parse(body || "null") };
}

async function followAll(node: TestNode): Promise<void> {
  const ours = curlLines().filter((line) => !REPLACED.test(line));
  expect(ours.map(asked)).toEqual(EXPECTED.map(([line]) => line));
  for (const [at, line] of ours.entries()) {
    const [name, status, body] = EXPECTED[at]!;
    const answered = await follow(node, line);
    expect([name, answered.status]).toEqual([name, status]);
    expect(answered.body).toMatchObject(body);
  }
}

suite(`World Weaver's guide${MISSING}`, () => {
  test.skipIf(MISSING !== "")(
    "its curl lines work as printed on a node of deploy/worldweaver.toml",
    async () => {
      const node = await guideNode({});
      await followAll(node);
      await node.stop();
      await deepCheck(node.dir);
    },
  );

  test.skipIf(MISSING !== "")(
    "they do with all of its settings, and its production checklist holds",
    async () => {
      const env = await environment();
      expect(env).toMatchObject({ WW_SESSION_ID: "production", WW_FSRS_DEFAULT_STABILITY: "1.0" });
      const node = await guideNode({ ...env, WW_ENVIRONMENT: "production" });
      await followAll(node);
      for (const path of ["/", "/api/v1/health", "/docs", "/redoc", "/openapi.json"]) {
        expect([path, (await node.get(path)).status]).toEqual([path, 200]);
      }
      const told = { content: "The guide's settings hold." };
      expect((await node.post("/api/v1/episodes", told)).status).toBe(401);
      const made = await node.post("/api/v1/episodes", told, { "X-API-Key": env.WW_API_KEY! });
      expect([made.status, made.body.session_id]).toEqual([201, "production"]);
      await node.stop();
      await deepCheck(node.dir);
    },
  );

  test.skipIf(MISSING !== "")("its feature flags are there with its defaults", async () => {
    const node = await guideNode({});
    const { body } = await follow(node, curlLines().find((line) => line.includes("/control/flags"))!);
    const { flags } = body as { flags: { name: string; enabled: boolean }[] };
    const table = [...guide.matchAll(/^\| `(\w+)` \| [^|]+ \| `(true|false)` \|$/gm)];
    expect(table.length).toBeGreaterThanOrEqual(7);
    for (const [, name, enabled] of table) {
      expect(flags).toContainEqual(expect.objectContaining({ name, enabled: enabled === "true" }));
    }
    await node.stop();
  });
});
