/** The examples under deploy/, run by the programs that they are for. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { atomOf, deepCheck, freePort, run, scratch, suite, TestNode, until } from "./harness.ts";

const EXAMPLES = resolve(import.meta.dir, "../../deploy");
const BATCH_LINES = 2000;

/** nginx with the example before a node. @returns its port and its end */
async function startNginx(node: TestNode): Promise<{ port: number; stop: () => Promise<void> }> {
  const dir = scratch();
  const at = (name: string) => join(dir, name);
  const names = ["-subj", "/CN=localhost", "-keyout", at("key.pem"), "-out", at("cert.pem")];
  const made = Bun.spawnSync([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    ...names,
  ]);
  expect(made.exitCode).toBe(0);
  const port = await freePort();
  const example = readFileSync(join(EXAMPLES, "nginx", "dwbase.conf"), "utf8")
    .replace("/etc/ssl/certs/dwbase.pem", at("cert.pem"))
    .replace("/etc/ssl/private/dwbase.key", at("key.pem"))
    .replace("server 127.0.0.1:8080;", `server 127.0.0.1:${node.port};`)
    .replace("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
    .replace("listen [::]:443 ssl;", "");
  writeFileSync(at("dwbase.conf"), example);
  mkdirSync(at("tmp"));
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path tmp;`,
  );
  const main = `daemon off; pid nginx.pid; error_log error.log; events {}
    http { access_log off; ${temporary.join(" ")} include ${at("dwbase.conf")}; }`;
  writeFileSync(at("nginx.conf"), main);
  const nginx = Bun.spawn(["nginx", "-p", dir, "-c", at("nginx.conf"), "-e", at("error.log")], {
    stdout: "ignore",
    stderr: "inherit",
  });
  const answers = () =>
    through(port, "/healthz").then(
      ({ status }) => status === 200,
      () => false,
    );
  await until("nginx answers", 10_000, answers);
  return {
    port,
    stop: async () => {
      nginx.kill("SIGTERM");
      await nginx.exited;
    },
  };
}

function through(port: number, path: string, options: RequestInit = {}): Promise<Response> {
  return fetch(`https://localhost:${port}${path}`, { ...options, tls: { rejectUnauthorized: false } });
}

suite("behind nginx, as deploy/nginx/dwbase.conf says", () => {
  test("other machines are served over TLS, with a key, at a rate, and never what is the device's own", async () => {
    const dir = join(scratch(), "data");
    const first = await TestNode.start({ dir });
    await first.stop();
    const made = await run(["keys", "create", "--name", "robot", "--json", "--data-dir", dir]);
    expect(made.code).toBe(0);
    const node = await TestNode.start({ dir });
    const key: string = JSON.parse(made.out).key;
    const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
    const { port, stop } = await startNginx(node);
    const body = JSON.stringify(atomOf("the pump runs"));
    const keyless = await through(port, "/remember", { method: "POST", body });
    expect(keyless.status).not.toBe(200);
    const kept = await through(port, "/remember", { method: "POST", body, headers });
    expect(kept.status).toBe(200);
    for (const path of ["/metrics", "/keys", "/keys/x", "/api/v1/control/flags"]) {
      expect([path, (await through(port, path, { headers })).status]).toEqual([path, 404]);
    }

    const lines = Array.from(
      { length: BATCH_LINES },
      (_, n) => `${JSON.stringify(atomOf(`reading ${n}`))}\n`,
    );
    const batch = await through(port, "/remember/batch", {
      method: "POST",
      body: lines.join(""),
      headers: { ...headers, "Content-Type": "application/x-ndjson" },
    });
    expect((await batch.text()).trim().split("\n")).toHaveLength(BATCH_LINES);

    const burst = Array.from({ length: 40 }, () => through(port, "/api/v1/stats", { headers }));
    const statuses = (await Promise.all(burst)).map(({ status }) => status);
    const refused = statuses.filter((status) => status === 429).length;
    // 20 beyond the rate at once; a slow machine may earn a request or two more
    expect([refused >= 10, refused <= 20]).toEqual([true, true]);
    expect(statuses.filter((status) => status === 200)).toHaveLength(statuses.length - refused);
    await stop();
    await node.stop();
    const { counts } = await deepCheck(dir);
    expect(counts.atom).toBe(BATCH_LINES + 1);
  });
});

suite("the log's way to a collector", () => {
  test("rsyslog takes deploy/logging/rsyslog.conf", () => {
    const checked = Bun.spawnSync(["rsyslogd", "-N1", "-f", join(EXAMPLES, "logging", "rsyslog.conf")]);
    const said = checked.stderr.toString();
    expect([checked.exitCode, said.match(/error|warning/gi)]).toEqual([0, null]);
  });
});
