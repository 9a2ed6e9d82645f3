import { expect, test } from "bun:test";
import { openSync } from "node:fs";
import { join } from "node:path";
import { createLogger } from "../../src/telemetry/mod.ts";

test("a line is JSON with level, time and fields; keys in headers are redacted", () => {
  const lines: string[] = [];
  const { logger } = createLogger({ level: "info", write: (line) => lines.push(line) });
  const headers = {
    authorization: "Bearer s3cret",
    "x-api-key": "s3cret",
    "x-admin-key": "s3cret",
    host: "pi",
  };
  logger.info({ requestId: "r1", headers, req: { headers } }, "asked");
  logger.debug("not at this level");
  expect(lines.length).toBe(1);
  const redacted = {
    authorization: "[Redacted]",
    "x-api-key": "[Redacted]",
    "x-admin-key": "[Redacted]",
    host: "pi",
  };
  const line = JSON.parse(lines[0]!);
  expect(line).toEqual({
    level: "info",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    requestId: "r1",
    headers: redacted,
    req: { headers: redacted },
    msg: "asked",
  });
});

const PROGRAM = `
  import { createLogger } from ${JSON.stringify(join(import.meta.dir, "../../src/telemetry/mod.ts"))};
  const log = createLogger({ level: "info" });
  for (let i = 0; i < 3; i++) { log.logger.info({ i }, "line"); await log.flush(5000); }
  console.error(log.dropped());
`;
type Stdout = NonNullable<NonNullable<Parameters<typeof Bun.spawn>[1]>["stdout"]>;

async function run(stdout: Stdout) {
  const child = Bun.spawn([process.execPath, "-e", PROGRAM], { stdout, stderr: "pipe" });
  const out = child.stdout instanceof ReadableStream ? child.stdout : undefined;
  return { child, out, dropped: async () => Number(await new Response(child.stderr).text()) };
}

test("lines reach stdout", async () => {
  const { child, out, dropped } = await run("pipe");
  const text = await new Response(out).text();
  expect(
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).i),
  ).toEqual([0, 1, 2]);
  expect([await dropped(), await child.exited]).toEqual([0, 0]);
});

test("a full disk under stdout costs the lines, not the process", async () => {
  const { child, dropped } = await run(openSync("/dev/full", "w"));
  expect([await dropped(), await child.exited]).toEqual([3, 0]);
});

test("a reader of stdout that went away costs the lines, not the process", async () => {
  const { child, out, dropped } = await run("pipe");
  await out?.cancel();
  expect(await dropped()).toBeLessThanOrEqual(3);
  expect(await child.exited).toBe(0);
});
