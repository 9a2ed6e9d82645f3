/** Flags and the panic level: what beats what, what is kept and when, and what acts although the disk fails. */
import { describe, expect, test } from "bun:test";
import { Fault, LIMITS, ManualClock } from "../../src/base/mod.ts";
import {
  Control,
  type ControlOptions,
  FLAGS,
  GATE,
  PANIC_LEVELS,
  STOPPED_BY,
} from "../../src/control/mod.ts";
import { MemoryControl } from "./memory-control.ts";

async function opened(store = new MemoryControl(), options: Partial<ControlOptions> = {}) {
  const control = new Control({ clock: new ManualClock(), ...options });
  await control.open(store);
  return { control, store };
}

async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act();
    return "";
  } catch (error) {
    return (error as Fault).code;
  }
}

const LIMITED = { level: "LIMITED", reason: "the card fails", source: "operator" } as const;

describe("before the kept state is known", () => {
  test("everything is stopped, and nothing can be changed", async () => {
    const control = new Control({ clock: new ManualClock() });
    expect(control.closed).toBe(true);
    expect(await codeOf(() => control.setFlag("telemetry", { enabled: false }, "admin"))).toBe("overloaded");
  });
});

describe("flags", () => {
  test("are all listed, with what they do, who asks them and where their value comes from", async () => {
    const { control } = await opened(new MemoryControl(), { environment: { telemetry: false } });
    const flags = control.flags();
    expect(flags.map(({ name }) => name)).toEqual(FLAGS.map(({ name }) => name));
    expect(flags.filter(({ source }) => source === "environment").map(({ name }) => name)).toEqual([
      "telemetry",
    ]);
    for (const flag of flags) expect(flag.description.length * flag.owner.length).toBeGreaterThan(0);
    expect(control.cells.enabled("telemetry")).toBe(false);
  });

  test("a set value beats the environment, survives a restart and is entered into the log", async () => {
    const { control, store } = await opened(new MemoryControl(), { environment: { telemetry: false } });
    const view = await control.setFlag("telemetry", { enabled: true }, "ann");
    expect(view).toMatchObject({ enabled: true, rollout_percentage: 100, source: "control" });
    expect(store.acts).toEqual([{ action: "flag", actor: "ann", target: "telemetry", detail: "on, 100 %" }]);
    const again = await opened(store, { environment: { telemetry: false } });
    expect(again.control.flag("telemetry")).toMatchObject({ enabled: true, source: "control" });
    expect(again.control.cells.enabled("telemetry")).toBe(true);
  });

  test("a change that cannot be kept does not act", async () => {
    const { control, store } = await opened();
    store.fault = new Fault("disk_full", "full");
    expect(await codeOf(() => control.setFlag("read_only_mode", { enabled: true }, "ann"))).toBe("disk_full");
    expect([control.flag("read_only_mode").enabled, control.cells.stopped]).toEqual([false, 0]);
  });

  test("an unknown name is not found, and one in the environment is noted", async () => {
    const { control } = await opened(new MemoryControl(), { environment: { telemetri: true } });
    expect(await codeOf(() => control.setFlag("telemetri", { enabled: true }, "ann"))).toBe("not_found");
    expect(control.notices).toEqual(["WW_FLAG_TELEMETRI is not a flag of this node and is not used"]);
  });

  test("read_only_mode and maintenance_mode act, for all or for the part they are rolled out to", async () => {
    const { control } = await opened();
    const codes = async (unit: string) => [
      await codeOf(() => control.admit("writes", unit)),
      await codeOf(() => control.admit("reads", unit)),
    ];
    await control.setFlag("read_only_mode", { enabled: true }, "ann");
    expect(await codes("a")).toEqual(["read_only", ""]);
    expect(control.cells.stopped).toBe(GATE.background | GATE.writes);
    await control.setFlag("maintenance_mode", { enabled: true }, "ann");
    expect(await codes("a")).toEqual(["maintenance", "maintenance"]);
    await control.setFlag("maintenance_mode", { enabled: false }, "ann");
    await control.setFlag("read_only_mode", { rollout_percentage: 50 }, "ann");
    expect(control.cells.stopped).toBe(0);
    const stopped = [];
    for (let i = 0; i < 100; i++) if ((await codes(`s${i}`))[0] === "read_only") stopped.push(i);
    expect(stopped.length).toBeGreaterThan(20);
    expect(stopped.length).toBeLessThan(80);
  });
});

describe("the panic level", () => {
  test.each(PANIC_LEVELS.slice(1))(
    "%s stops what it says, outlives a restart, and recover restores",
    async (level) => {
      const { control, store } = await opened();
      await control.panic({ ...LIMITED, level }, "ann");
      expect(control.cells.stopped).toBe(STOPPED_BY[level]);
      const again = await opened(store);
      expect([again.control.level, again.control.cells.stopped, again.control.reason]).toEqual([
        level,
        STOPPED_BY[level],
        "the card fails",
      ]);
      await again.control.recover("NONE", "bob");
      expect([again.control.cells.stopped, again.control.reason]).toEqual([0, ""]);
      expect(store.state!.level).toBe("NONE");
      expect(store.acts.map(({ action, actor, target }) => [action, actor, target])).toEqual([
        ["panic", "ann", level],
        ["recover", "bob", "NONE"],
      ]);
      expect(again.control.events.map((e) => [e.previous_level, e.level, e.actor])).toEqual([
        ["NONE", level, "ann"],
        [level, "NONE", "bob"],
      ]);
    },
  );

  test("acts before it is kept, and also when it cannot be kept", async () => {
    const { control, store } = await opened();
    const gate = Promise.withResolvers<void>();
    store.gate = gate.promise;
    const raised = control.panic(LIMITED, "ann");
    expect(control.cells.stopped).toBe(STOPPED_BY.LIMITED);
    expect(store.acts).toEqual([]);
    store.fault = new Fault("storage_error", "EIO");
    gate.resolve();
    expect(await codeOf(() => raised)).toBe("storage_error");
    expect(control.cells.stopped).toBe(STOPPED_BY.LIMITED);
  });

  test("goes up by panic and down by recover only", async () => {
    const { control } = await opened();
    expect(await codeOf(() => control.recover("NONE", "ann"))).toBe("conflict");
    await control.panic(LIMITED, "ann");
    expect(await codeOf(() => control.panic({ ...LIMITED, level: "DEGRADED" }, "ann"))).toBe("conflict");
    expect(await codeOf(() => control.recover("LIMITED", "ann"))).toBe("conflict");
    expect(await codeOf(() => control.recover("CRITICAL", "ann"))).toBe("conflict");
    await control.panic({ ...LIMITED, reason: "another reason" }, "ann");
    expect([control.reason, control.eventCount]).toEqual(["another reason", 2]);
    await control.recover("DEGRADED", "ann");
    expect(control.cells.stopped).toBe(STOPPED_BY.DEGRADED);
  });

  test("a panic during a recovery or a change of a flag stands", async () => {
    const { control, store } = await opened();
    await control.panic(LIMITED, "ann");
    const gate = Promise.withResolvers<void>();
    store.gate = gate.promise;
    const recovered = control.recover("NONE", "ann");
    const set = control.setFlag("telemetry", { enabled: false }, "ann");
    await Bun.sleep(0);
    const raised = control.panic({ ...LIMITED, level: "CRITICAL" }, "bob");
    gate.resolve();
    expect(await codeOf(() => recovered)).toBe("conflict");
    await Promise.all([set, raised]);
    expect([control.level, control.flag("telemetry").enabled]).toEqual(["CRITICAL", false]);
    expect([store.state!.level, store.state!.flags.telemetry?.enabled]).toEqual(["CRITICAL", false]);
  });

  test("TOTAL by shutdown ends the node after it was kept, and nothing lowers it before", async () => {
    const ended = Promise.withResolvers<void>();
    const { control, store } = await opened(new MemoryControl(), { onShutdown: ended.resolve });
    await control.panic({ level: "TOTAL", reason: "power is going", source: "shutdown" }, "ups");
    expect([control.isShuttingDown, store.state!.level]).toEqual([true, "TOTAL"]);
    expect(await codeOf(() => control.recover("NONE", "ann"))).toBe("conflict");
    await ended.promise;
  });

  test("keeps the newest events and counts them all", async () => {
    const { control, store } = await opened();
    for (let i = 0; i < LIMITS.panicEvents + 5; i++)
      await control.panic({ ...LIMITED, reason: `reason ${i}` }, "ann");
    expect([control.events.length, control.eventCount]).toEqual([LIMITS.panicEvents, LIMITS.panicEvents + 5]);
    expect(store.state!.events.at(-1)!.reason).toBe(`reason ${LIMITS.panicEvents + 4}`);
  });
});
