import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Server } from "../../src/server/mod.ts";
import { ATOM, type Fixture, type FixtureOptions, fixture, ID, NDJSON_TYPE } from "./support.ts";

const opened: Server[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.stop();
});

async function listening(options: FixtureOptions = {}): Promise<Fixture & { url: string; port: number }> {
  const f = fixture(options);
  opened.push(f.server);
  return { ...f, ...(await f.server.listen({ kind: "tcp", host: "127.0.0.1", port: 0 })) };
}

/** A raw connection: what is written goes out as it is, `text` collects what comes back. */
async function raw(port: number) {
  const socket: Socket = connect({ port, host: "127.0.0.1" });
  let text = "";
  let closed = false;
  socket.on("data", (data) => {
    text += data.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
  });
  await new Promise((resolve) => socket.once("connect", resolve));
  return {
    socket,
    write: (data: string | Uint8Array) => socket.write(data),
    async until(pattern: RegExp): Promise<string> {
      while (!pattern.test(text) && !closed) await Bun.sleep(2);
      expect(text).toMatch(pattern);
      return text;
    },
    async end(): Promise<string> {
      while (!closed) await Bun.sleep(2);
      return text;
    },
  };
}

const head = (path: string, headers: string) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n`;
const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`;

test("answers over TCP and tells the engine the peer's address", async () => {
  const f = await listening();
  const answer = await fetch(`${f.url}/remember`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(ATOM),
  });
  expect(answer.status).toBe(200);
  expect(f.engine.calls[0]!.caller.address).toBe("127.0.0.1");
  expect(new URL(f.url).port).toBe(String(f.port));
  expect((await fetch(`${f.url}/healthz`, { method: "HEAD" })).status).toBe(200);
});

test("answers over a Unix socket, replaces a dead one and leaves a live one alone", async () => {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-listen-"));
  const path = join(dir, "s");
  try {
    const dead = Bun.spawnSync([
      process.execPath,
      "-e",
      `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response() }); process.kill(process.pid, "SIGKILL")`,
    ]);
    expect(dead.signalCode).toBe("SIGKILL");
    expect(existsSync(path)).toBe(true);
    const f = fixture();
    opened.push(f.server);
    expect(await f.server.listen({ kind: "unix", path })).toEqual({ url: `unix:${path}`, port: 0 });
    expect(statSync(path).mode & 0o007).toBe(0);
    expect((await fetch("http://localhost/worlds", { unix: path })).status).toBe(200);
    const taken = fixture().server.listen({ kind: "unix", path });
    await expect(taken).rejects.toMatchObject({ code: "conflict" });
    await f.server.stop();
    expect(existsSync(path)).toBe(false);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a taken port is one sentence that names the setting", async () => {
  const { port } = await listening();
  const again = fixture().server.listen({ kind: "tcp", host: "127.0.0.1", port });
  await expect(again).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("node.listen"),
  });
});

test("a body announced as too large is refused before it comes; the connection goes on after a small excess", async () => {
  const f = await listening({ bodyBytes: 10 });
  const c = await raw(f.port);
  c.write(head("/remember", "Content-Type: application/json\r\nContent-Length: 100"));
  expect(await c.until(/payload_too_large"\}/)).toStartWith("HTTP/1.1 413");
  c.write("x".repeat(100));
  c.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  expect(await c.end()).toContain("HTTP/1.1 200");
});

test("after a large excess the answer comes and the connection is closed", async () => {
  const f = await listening();
  const c = await raw(f.port);
  c.write(head("/remember", "Content-Type: application/json\r\nContent-Length: 99000000"));
  const block = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 12; i++) c.write(block);
  const text = await c.end();
  expect(text).toStartWith("HTTP/1.1 413");
  expect(text).toMatch(/connection: close/i);
});

test.each(["", "[", "pi", "a b", "a/b", "x:99999", "x@y", "%zz", "l".repeat(300)])(
  "the Host %p never makes an internal error",
  async (host) => {
    const f = await listening({ auth: { allowAnonymous: "always" } });
    for (const [path, status] of [
      ["/healthz", 200],
      ["/worlds", 200],
      ["/no/such/long/route", 404],
      ["/api/v1/none", 404],
      [`/atoms/${ID}`, 404],
      ["/atoms/%00", 404],
    ] as const) {
      const c = await raw(f.port);
      c.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect(await c.end()).toStartWith(`HTTP/1.1 ${status} `);
    }
    expect(f.engine.calls.every((call) => call.caller.address === "127.0.0.1")).toBe(true);
  },
);

test("a request without Host keeps its body", async () => {
  const f = await listening({ auth: { allowAnonymous: "always" } });
  const c = await raw(f.port);
  const body = JSON.stringify(ATOM);
  c.write(
    `POST /remember HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  expect(await c.end()).toContain(" 200 OK");
  expect(f.engine.atoms.size).toBe(1);
});

test("a foreign Host is not local, whatever the peer", async () => {
  const f = await listening();
  const c = await raw(f.port);
  c.write("GET /worlds HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
  expect(await c.end()).toStartWith("HTTP/1.1 401");
});

test("lines are answered while the request goes on, and a lost client ends the work", async () => {
  const f = await listening();
  const c = await raw(f.port);
  const line = `${JSON.stringify(ATOM)}\n`;
  c.write(head("/remember/batch", `Content-Type: ${NDJSON_TYPE}\r\nTransfer-Encoding: chunked`));
  c.write(chunk(line));
  await c.until(/"index":0/);
  c.write(chunk(line + line));
  await c.until(/"index":2/);
  c.socket.destroy();
  while (!f.logs.some((each) => each.msg === "request")) await Bun.sleep(2);
  expect(f.engine.atoms.size).toBe(3);
});

test("a client that never reads does not make the node read or hold its stream", async () => {
  const f = await listening();
  const c = await raw(f.port);
  c.socket.pause();
  c.write(head("/remember/batch", `Content-Type: ${NDJSON_TYPE}\r\nTransfer-Encoding: chunked`));
  const block = chunk("x\n".repeat(100_000));
  for (let i = 0; i < 100; i++) c.write(block);
  let lines = -1;
  const seen = () => f.engine.calls.reduce((sum, call) => sum + (call.args[0] as unknown[]).length, 0);
  while (lines !== seen() || lines === 0) {
    lines = seen();
    await Bun.sleep(100);
  }
  expect(lines).toBeLessThan(1_000_000);
  c.socket.destroy();
});

test("stop lets a request in flight end and then refuses connections", async () => {
  const f = await listening();
  const gate = Promise.withResolvers<void>();
  f.engine.gate = gate.promise;
  const answer = fetch(`${f.url}/worlds`);
  while (f.engine.calls.length === 0) await Bun.sleep(2);
  const stopped = f.server.stop();
  gate.resolve();
  expect((await answer).status).toBe(200);
  await stopped;
  await expect(fetch(`${f.url}/healthz`)).rejects.toThrow();
});

test("stop ends a stream after what it has read", async () => {
  const f = await listening();
  const c = await raw(f.port);
  c.write(head("/remember/batch", `Content-Type: ${NDJSON_TYPE}\r\nTransfer-Encoding: chunked`));
  c.write(chunk(`${JSON.stringify(ATOM)}\n`));
  await c.until(/"index":0/);
  await f.server.stop();
  expect(await c.end()).toMatch(/"code":"overloaded"/);
});
