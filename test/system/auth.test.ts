import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { atomOf, deepCheck, filesUnder, scratch, suite, TestNode } from "./harness.ts";
import { requestBytes, Wire } from "./wire.ts";

const EXEMPT = ["/", "/healthz", "/readyz", "/health", "/api/v1/health", "/docs", "/redoc", "/openapi.json"];
const CLOSED: [method: string, path: string][] = [
  ["POST", "/remember"],
  ["POST", "/remember/batch"],
  ["POST", "/ask"],
  ["POST", "/replay"],
  ["GET", "/worlds"],
  ["POST", "/worlds/manage"],
  ["POST", "/worlds/policy"],
  ["GET", "/index/status"],
  ["GET", "/metrics"],
  ["GET", "/atoms/0190f3c0-0000-7000-8000-000000000001"],
  ["DELETE", "/atoms/0190f3c0-0000-7000-8000-000000000001"],
];

/** The status of a bodiless request with these headers, on a connection of its own. */
async function statusOf(node: TestNode, method: string, path: string, headers: Record<string, string>) {
  const wire = await Wire.connect(node.port);
  const { status, headers: answered } = await wire.exchange(requestBytes(method, path, headers));
  wire.close();
  return { status, challenge: answered["www-authenticate"] };
}

suite("who may come in", () => {
  test("a node that others can reach makes an admin key and is closed without one", async () => {
    const dir = join(scratch(), "data");
    let node = await TestNode.start({ dir, listen: "0.0.0.0:0" });
    const path = join(dir, "secrets", "admin.key");
    const key = readFileSync(path, "utf8").trim();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, "secrets")).mode & 0o077).toBe(0);
    expect(key.length).toBeGreaterThanOrEqual(43);

    const { paths } = (await node.get("/openapi.json")).body as { paths: Record<string, object> };
    for (const exempt of EXEMPT.filter((path) => path in paths)) {
      expect([exempt, [200, 302, 307].includes((await statusOf(node, "GET", exempt, {})).status)]).toEqual([
        exempt,
        true,
      ]);
    }
    for (const [method, route] of CLOSED) {
      expect([route, await statusOf(node, method, route, {})]).toEqual([
        route,
        { status: 401, challenge: "ApiKey" },
      ]);
      const wrong = await statusOf(node, method, route, { "X-API-Key": "wrong".repeat(9) });
      expect([route, wrong.status >= 403]).toEqual([route, true]);
    }
    // no other GET route is open either
    for (const route of Object.keys(paths).filter((path) => !EXEMPT.includes(path) && !path.includes("{"))) {
      expect([401, 405]).toContain((await statusOf(node, "GET", route, {})).status);
    }
    for (const headers of [
      { Authorization: `Bearer ${key}` },
      { "X-API-Key": key },
      { "X-Admin-Key": key },
    ]) {
      expect((await statusOf(node, "GET", "/worlds", headers)).status).toBe(200);
    }
    node.key = key;
    await node.remember(atomOf("behind a key"));
    expect(JSON.stringify(node.log)).not.toContain(key);
    await node.stop();

    // the next start keeps it
    node = await TestNode.start({ dir, listen: "0.0.0.0:0", key });
    expect(readFileSync(path, "utf8").trim()).toBe(key);
    expect((await node.replay("home")).length).toBe(1);
    await node.stop();
    const holding = filesUnder(dir).filter((file) => readFileSync(file).includes(key));
    expect(holding).toEqual([path]);
    await deepCheck(dir);
  });

  test("WW_ENVIRONMENT=production leaves no route open but the exempt, on loopback too", async () => {
    const admin = "an-admin-key-of-more-than-thirty-two-characters";
    const node = await TestNode.start({ env: { WW_ENVIRONMENT: "production", WW_ADMIN_API_KEY: admin } });
    const { paths } = (await node.get("/openapi.json")).body as { paths: Record<string, object> };
    const open: string[] = [];
    let asked = 0;
    for (const [path, methods] of Object.entries(paths)) {
      const concrete = path.replace(/\{[^}]*\}/g, "0190f3c0-0000-7000-8000-000000000001");
      for (const method of Object.keys(methods).map((name) => name.toUpperCase())) {
        asked += 1;
        if ((await statusOf(node, method, concrete, {})).status !== 401) open.push(path);
      }
    }
    expect(asked).toBeGreaterThan(60);
    expect(open.sort()).toEqual(EXEMPT.filter((path) => path in paths).sort());
    expect((await statusOf(node, "GET", "/worlds", { "X-API-Key": admin })).status).toBe(200);
    await node.stop();
    await deepCheck(node.dir);
  });

  test("on loopback a local request needs no key, a foreign one does", async () => {
    const node = await TestNode.start();
    const at = (headers: Record<string, string>) => statusOf(node, "GET", "/worlds", headers);
    const let_in: Record<string, string>[] = [
      { Host: "localhost" },
      { Host: `localhost:${node.port}` },
      { Host: `127.0.0.1:${node.port}` },
      { Host: "[::1]:8080" },
      { Host: "localhost", Origin: "http://localhost:3000" },
    ];
    const kept_out: Record<string, string>[] = [
      { Host: "evil.example" },
      { Host: "localhost.evil.example" },
      { Host: "192.168.1.5" },
      { Host: "127.0.0.1.nip.io" },
      { Forwarded: "for=10.0.0.1" },
      { "X-Forwarded-For": "10.0.0.1" },
      { Origin: "https://evil.example" },
      { Origin: "null" },
      { Origin: "http://localhost.evil.example" },
    ];
    for (const headers of let_in) expect([headers, (await at(headers)).status]).toEqual([headers, 200]);
    for (const headers of kept_out) {
      expect([headers, await at(headers)]).toEqual([headers, { status: 401, challenge: "ApiKey" }]);
      expect((await statusOf(node, "GET", "/healthz", headers)).status).toBe(200);
    }
    await node.stop();
    await deepCheck(node.dir);
  });

  test("`never` closes loopback too; the environment's keys open it", async () => {
    const user = "u".repeat(32);
    const admin = "a".repeat(32);
    const node = await TestNode.start({
      env: { DWBASE_NODE_SECURITY_ALLOW_ANONYMOUS: "never", WW_API_KEY: user, WW_ADMIN_API_KEY: admin },
    });
    expect((await statusOf(node, "GET", "/worlds", {})).status).toBe(401);
    for (const key of [user, admin]) {
      expect((await statusOf(node, "GET", "/worlds", { "X-API-Key": key })).status).toBe(200);
    }
    expect((await statusOf(node, "GET", "/worlds", { "X-API-Key": `${user}x` })).status).toBe(403);
    await node.stop();
    await deepCheck(node.dir);
  });
});
