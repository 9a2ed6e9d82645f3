import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FaultyDisk } from "./faults.ts";
import { atomOf, deepCheck, figure, NDJSON_TYPE, scratch, suite, TestNode, until } from "./harness.ts";
import { requestBytes, Wire } from "./wire.ts";

const STOP_MS = 10_000;
const IDLE_CLIENTS = 20;
const HEADERS = { "Content-Type": "application/json" };

const remember = (text: string): Buffer =>
  requestBytes("POST", "/remember", HEADERS, JSON.stringify(atomOf(text)));

suite("signals", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s: requests in flight are finished, idle and slow clients do not hold the node back",
    async (signal) => {
      const disk = FaultyDisk.make("*.db-wal");
      const node = await TestNode.start({ env: disk.env });
      const idle: Wire[] = [];
      for (let n = 0; n < IDLE_CLIENTS; n++) {
        const wire = await Wire.connect(node.port);
        if (n % 2 === 0) expect((await wire.exchange(remember(`kept alive ${n}`))).status).toBe(200);
        idle.push(wire);
      }
      // half a request, and a stream that goes on and on
      const half = await Wire.connect(node.port);
      half.write(Buffer.from("POST /remember HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"));
      const stream = await Wire.connect(node.port);
      const line = `${JSON.stringify(atomOf("a line"))}\n`;
      stream.write(
        Buffer.from(
          `POST /remember/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${NDJSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n${line.length.toString(16)}\r\n${line}\r\n`,
        ),
      );
      const streamed = stream.answer();
      await Bun.sleep(200);

      disk.set({ syncDelayMs: 1000 });
      const clients = await Promise.all(Array.from({ length: 8 }, () => Wire.connect(node.port)));
      const inFlight = clients.map((wire, n) => wire.exchange(remember(`in flight ${n}`)));
      await Bun.sleep(200);
      const began = performance.now();
      node.signal(signal);
      const answers = await Promise.all(inFlight);
      expect(answers.map(({ status, complete }) => [status, complete])).toEqual(
        answers.map(() => [200, true]),
      );
      expect(await node.ended).toBe(0);
      const ms = performance.now() - began;
      expect(ms).toBeLessThan(STOP_MS);
      const { body } = await streamed;
      expect(JSON.parse(body.toString().split("\n")[0]!).id).toBeString();
      // one that never sent a byte was never handed to the node
      for (const wire of [...idle.filter((_, n) => n % 2 === 0), half]) await wire.closed;
      for (const wire of idle) wire.close();
      disk.close();

      const again = await TestNode.start({ dir: node.dir });
      expect((await again.replay("home")).length).toBe(IDLE_CLIENTS / 2 + 1 + answers.length);
      await again.stop();
      await deepCheck(node.dir);
      figure(
        `${signal} with ${IDLE_CLIENTS + 10} clients, 8 writes in flight on a slow disk: exit 0 after ${Math.round(ms)} ms (${STOP_MS} allowed), every write acknowledged`,
      );
    },
  );

  test("an idle node stops at once, with an empty WAL", async () => {
    const node = await TestNode.start();
    await node.remember(atomOf("x"));
    const began = performance.now();
    await node.stop();
    figure(`SIGTERM of an idle node: ${Math.round(performance.now() - began)} ms`);
    await deepCheck(node.dir);
  });

  test("SIGHUP takes over what can change, names what cannot, and stops nothing", async () => {
    const config = join(scratch(), "dwbase.toml");
    const write = (level: string, cap: number): void =>
      writeFileSync(
        config,
        `[telemetry]\nlog_level = "${level}"\n[node.security]\nimportance_cap = ${cap}\n`,
      );
    write("info", 1);
    const node = await TestNode.start({ args: ["--config", config] });
    const said = (msg: string) => node.log.filter((entry) => entry.msg === msg);
    write("debug", 0.5);
    node.signal("SIGHUP");
    await until("it is reloaded", 5000, () => said("configuration reloaded").length === 1);
    expect(said("configuration reloaded")[0]).toMatchObject({
      log_level: "debug",
      needs_restart: ["node.security.importance_cap"],
    });
    await node.remember(atomOf("x"));

    writeFileSync(config, "[telemetry]\nlog_level = 7\n");
    node.signal("SIGHUP");
    await until("it is refused", 5000, () => said("configuration not reloaded").length === 1);
    expect(said("configuration not reloaded")[0]!.reason).toContain("log_level");
    expect((await node.replay("home")).length).toBe(1);
    await node.stop();
    await deepCheck(node.dir);
  });
});
