/** TLS: the pair is checked, served, and replaced while connections are open. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import type { Fault } from "../../src/base/mod.ts";
import { readTls } from "../../src/server/mod.ts";
import { fixture } from "./support.ts";

const openssl = Bun.which("openssl");
const dir = mkdtempSync(join(tmpdir(), "dwbase-tls-"));
const at = (name: string): string => join(dir, name);

function make(name: string): void {
  const args = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "30",
  ];
  const files = ["-subj", `/CN=${name}`, "-keyout", at(`${name}.key`), "-out", at(`${name}.pem`)];
  expect(Bun.spawnSync([openssl!, ...args, ...files], { stderr: "ignore" }).success).toBe(true);
}

interface Dialled {
  /** Of the certificate that the node showed. */
  name: string;
  socket: TLSSocket;
  /** The first bytes of an answer to what is written. */
  answer(bytes: string): Promise<string>;
}

async function dial(port: number): Promise<Dialled> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const answer = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      socket
        .once("data", (data) => resolve(data.toString()))
        .once("close", () => reject(new Error("closed")));
      socket.write(bytes);
    });
  return { name: String(socket.getPeerCertificate().subject.CN), socket, answer };
}

const HEALTHZ = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const BODY = JSON.stringify({ world: "w", text: "what" });
const ASK = `POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`;

describe.skipIf(!openssl)(openssl ? "TLS" : "TLS (skipped: there is no openssl)", () => {
  beforeAll(() => {
    make("first");
    make("second");
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  test("new connections get the new certificate, requests under way go on", async () => {
    const { server } = fixture({ tls: readTls(at("first.pem"), at("first.key")) });
    const { port, url } = await server.listen({ kind: "tcp", host: "127.0.0.1", port: 0 });
    expect(url).toStartWith("https://");
    const probe = await dial(port);
    expect((await probe.answer(HEALTHZ)).toLowerCase()).toContain("strict-transport-security: max-age=");
    const before = await dial(port);
    before.socket.write(ASK + BODY.slice(0, 5));
    await Bun.sleep(50);
    await server.renew(readTls(at("second.pem"), at("second.key")));
    const after = await dial(port);
    expect([before.name, after.name]).toEqual(["first", "second"]);
    expect(await after.answer(HEALTHZ)).toStartWith("HTTP/1.1 200");
    expect(await before.answer(BODY.slice(5))).toStartWith("HTTP/1.1 200");
    for (const { socket } of [probe, before, after]) socket.destroy();
    await server.stop();
  });

  test.each([
    ["nothing.pem", "first.key", "storage_error"],
    ["first.key", "first.key", "usage"],
    ["first.pem", "first.pem", "usage"],
    ["first.pem", "second.key", "usage"],
    ["garbage.pem", "first.key", "usage"],
  ])("%s with %s is refused: %s", (cert, key, code) => {
    writeFileSync(at("garbage.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    try {
      readTls(at(cert), at(key));
      expect.unreachable();
    } catch (error) {
      expect((error as Fault).code).toBe(code as never);
    }
  });
});

test("every answer says that nothing is guessed, kept or framed", async () => {
  const { send } = fixture();
  for (const [method, path] of [
    ["GET", "/healthz"],
    ["GET", "/docs"],
    ["GET", "/nowhere"],
    ["POST", "/ask"],
  ] as const) {
    const { headers } = await send(method, path);
    expect([
      headers.get("x-content-type-options"),
      headers.get("cache-control"),
      headers.get("referrer-policy"),
      headers.get("x-frame-options"),
    ]).toEqual(["nosniff", "no-store", "no-referrer", "DENY"]);
  }
});
