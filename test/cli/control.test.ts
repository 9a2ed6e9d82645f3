/** `dwbase control` and `dwbase audit`: what they ask the node for, what they print, how they end. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { audit, StoreWriter } from "../../src/storage/mod.ts";
import { refusal } from "../client/fake-node.ts";
import { type Bench, openBench } from "./harness.ts";

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(() => bench.close());

const EMERGENCY = {
  panic_level: "LIMITED",
  reason: "the card fails",
  is_shutting_down: false,
  in_flight_count: 1,
  panic_events_count: 1,
  circuit_breakers: { database: "closed" },
};
const FLAG = {
  name: "telemetry",
  enabled: false,
  rollout_percentage: 100,
  description: "Traces.",
  owner: "telemetry",
  usage_count: 0,
  source: "control",
};
const CIRCUIT = {
  name: "embedding",
  state: "closed",
  failure_count: 0,
  failure_threshold: 5,
  description: "Calls.",
};

/** Runs a command line for which the node answers `answer`; what it asked for. */
async function asked(
  argv: string[],
  answer: unknown,
): Promise<{ asked: string; body: unknown; out: string }> {
  bench.node.script.push(() => Response.json(answer));
  const { code, out, err } = await bench.run(argv);
  expect([code, err]).toEqual([0, ""]);
  const { method, path, body } = bench.node.requests.at(-1)!;
  return {
    asked: `${method} ${path.replace("/api/v1/control", "")}`,
    body: body === "" ? undefined : JSON.parse(body),
    out,
  };
}

test("tables have their headers in capitals, as everywhere", async () => {
  bench.node.script.push(() => Response.json({ flags: [FLAG], total: 1 }));
  expect((await bench.run(["control", "flags"], { tty: true })).out).toStartWith("FLAG ");
  bench.node.script.push(() => Response.json({ circuits: [CIRCUIT], total: 1 }));
  expect((await bench.run(["control", "circuits"], { tty: true })).out).toStartWith("CIRCUIT ");
});

test("a terminal sees the last column whole: a path that is cut leads nowhere", async () => {
  const description = `/media/${"usb/".repeat(30)}home`;
  bench.node.script.push(() => Response.json({ flags: [{ ...FLAG, description }], total: 1 }));
  expect((await bench.run(["control", "flags"], { tty: true })).out).toContain(description);
});

describe("control", () => {
  test("panic sends the level with its reason and source, and shows where the node stands", async () => {
    const argv = ["control", "panic", "LIMITED", "the", "card", "fails", "--source", "monitor"];
    const sent = await asked(argv, EMERGENCY);
    expect(sent.asked).toBe("POST /emergency/panic");
    expect(sent.body).toEqual({ level: "LIMITED", reason: "the card fails", source: "monitor" });
    expect(sent.out).toContain("panic level: LIMITED (the card fails)");
    expect(sent.out).toContain("circuit database: closed");
  });

  test("recover goes to NONE unless told otherwise", async () => {
    expect(await asked(["control", "recover"], EMERGENCY)).toMatchObject({ body: { level: "NONE" } });
    expect(await asked(["control", "recover", "DEGRADED"], EMERGENCY)).toMatchObject({
      body: { level: "DEGRADED" },
    });
  });

  test("flags are listed, shown and set", async () => {
    const listed = await asked(["control", "flags"], { flags: [FLAG], total: 1 });
    expect([listed.asked, listed.out]).toEqual(["GET /flags", "telemetry\toff\t100 %\tcontrol\tTraces.\n"]);
    expect((await asked(["control", "flags", "telemetry"], FLAG)).asked).toBe("GET /flags/telemetry");
    const set = await asked(["control", "flags", "telemetry", "off", "--rollout", "25", "--json"], FLAG);
    expect(set).toMatchObject({
      asked: "PATCH /flags/telemetry",
      body: { enabled: false, rollout_percentage: 25 },
    });
    expect(JSON.parse(set.out)).toEqual(FLAG);
  });

  test("circuits are listed and operated, the state is shown", async () => {
    const listed = await asked(["control", "circuits"], { circuits: [CIRCUIT], total: 1 });
    expect([listed.asked, listed.out]).toEqual([
      "GET /circuits",
      "embedding\tclosed\t0 of 5 failures\tCalls.\n",
    ]);
    const reset = await asked(["control", "circuits", "embedding", "reset"], CIRCUIT);
    expect(reset).toMatchObject({ asked: "POST /circuits/embedding", body: { action: "reset" } });
    expect((await asked(["control", "status", "--json"], EMERGENCY)).asked).toBe("GET /emergency");
  });

  test.each([
    [["control", "panic", "limited", "why not"]],
    [["control", "panic", "NONE", "why not"]],
    [["control", "panic", "LIMITED"]],
    [["control", "flags", "telemetry", "perhaps"]],
    [["control", "flags", "telemetry", "on", "--rollout", "101"]],
    [["control", "circuits", "embedding", "explode"]],
    [["control", "recover", "TOTAL"]],
  ])("%j is wrong usage and asks the node for nothing", async (argv) => {
    expect((await bench.run(argv)).code).toBe(2);
    expect(bench.node.requests).toEqual([]);
  });

  test("a refusal of the node has its exit code", async () => {
    bench.node.script.push(() => refusal(403, "capability_denied", "use an admin key"));
    bench.node.script.push(() =>
      Response.json({ detail: "it is NONE already", code: "conflict" }, { status: 409 }),
    );
    expect(await bench.run(["control", "status"])).toMatchObject({
      code: 4,
      err: "dwbase: use an admin key\n",
    });
    expect(await bench.run(["control", "recover"])).toMatchObject({
      code: 1,
      err: "dwbase: it is NONE already\n",
    });
  });
});

describe("audit", () => {
  function logged(entries: number): string {
    const dir = join(bench.dir, "data");
    const writer = new StoreWriter(dir);
    writer.commit([
      (ctx) => {
        for (let i = 1; i <= entries; i++) audit(ctx, { action: "forget", actor: "ann", target: `id-${i}` });
      },
    ]);
    writer.close();
    return dir;
  }

  test("list shows the newest entries", async () => {
    const dir = logged(3);
    const { code, out } = await bench.run(["audit", "list", "--data-dir", dir, "--limit", "2"]);
    expect(code).toBe(0);
    expect(out.split("\n").map((line) => line.split("\t").filter((_, at) => at !== 1))).toEqual([
      ["2", "ann", "forget", "id-2", ""],
      ["3", "ann", "forget", "id-3", ""],
      [""],
    ]);
    const [entry] = JSON.parse((await bench.run(["audit", "list", "--data-dir", dir, "--json"])).out);
    expect(entry).toMatchObject({ n: 1, actor: "ann", action: "forget", target: "id-1" });
  });

  test("verify shows the end of the log, takes it back, and ends with 6 when the log was touched", async () => {
    const dir = logged(3);
    const whole = await bench.run(["audit", "verify", "--data-dir", dir]);
    expect([whole.code, whole.err]).toEqual([0, ""]);
    const end = /^end (3:[0-9a-f]{64})$/m.exec(whole.out)![1]!;
    expect((await bench.run(["audit", "verify", "--data-dir", dir, "--expect", end])).code).toBe(0);
    const other = end.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    expect((await bench.run(["audit", "verify", "--data-dir", dir, "--expect", other])).code).toBe(6);
    expect((await bench.run(["audit", "verify", "--data-dir", dir, "--expect", "end"])).code).toBe(2);

    const writer = new StoreWriter(dir);
    writer.commit([(ctx) => ctx.db.run("UPDATE audit SET actor = 'bob' WHERE n = 2")]);
    writer.close();
    const touched = await bench.run(["audit", "verify", "--data-dir", dir, "--json"]);
    expect(touched.code).toBe(6);
    expect(JSON.parse(touched.out)).toMatchObject({ clean: false, entries: 3 });
    expect((await bench.run(["audit", "verify", "--data-dir", join(bench.dir, "none")])).code).toBe(3);
  });
});
