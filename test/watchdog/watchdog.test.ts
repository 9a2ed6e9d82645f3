/** The watch over memory: stages, what each sets in motion, and that nothing flaps. */
import { describe, expect, test } from "bun:test";
import { ManualClock, MB, nextStage, type Stage, stageOf } from "../../src/base/mod.ts";
import { cleanFileRanges, resident, SAMPLE_MS, Watchdog } from "../../src/watchdog/mod.ts";

const BUDGET = 128 * MB;

/** A watchdog over memory that the test sets, with a record of what it did. */
class Bench {
  readonly clock = new ManualClock();
  readonly did: string[] = [];
  own = 40;
  file = 10;
  child = 0;
  /** File pages that a release leaves. */
  kept = 10;
  readonly dog = new Watchdog({
    ramBudget: BUDGET,
    clock: this.clock,
    read: () => ({ own: this.own * MB, file: this.file * MB }),
    children: () => this.child * MB,
    acts: {
      press: (stage) => this.did.push(`press ${stage}`),
      shed: () => this.did.push("shed"),
      release: () => {
        this.did.push("release");
        this.file = Math.min(this.file, this.kept);
      },
      restart: (reason) => this.did.push(`restart: ${reason}`),
      event: ({ resource, from, to }) => this.did.push(`${resource} ${from} to ${to}`),
    },
  });

  /** Lets time pass. @returns what was done meanwhile */
  pass(ms: number): string[] {
    this.did.length = 0;
    for (let t = 0; t < ms; t += SAMPLE_MS) {
      this.clock.advance(SAMPLE_MS);
      this.dog.sample();
    }
    return [...this.did];
  }
}

describe("stages of a budget", () => {
  test("begin at 80 and 95 %, and are left five points lower", () => {
    const path: [number, Stage][] = [
      [0.79, "ok"],
      [0.8, "tight"],
      [0.76, "tight"],
      [0.74, "ok"],
      [0.95, "critical"],
      [0.91, "critical"],
      [0.89, "tight"],
      [0.96, "critical"],
      [0.5, "ok"],
    ];
    let stage: Stage = "ok";
    for (const [share, expected] of path) {
      stage = nextStage(stage, share * 1000, 1000);
      expect([share, stage]).toEqual([share, expected]);
    }
  });

  test("without history the marks alone count, and no budget is never short", () => {
    expect([stageOf(799, 1000), stageOf(800, 1000), stageOf(950, 1000)]).toEqual(["ok", "tight", "critical"]);
    expect(nextStage("critical", 5, 0)).toBe("ok");
  });
});

describe("memory", () => {
  test("well inside the budget nothing is done", () => {
    expect(new Bench().pass(60_000)).toEqual([]);
  });

  test("pages of files go first, and when that is enough no stage is entered", () => {
    const bench = new Bench();
    bench.own = 60;
    bench.file = 50;
    expect(bench.pass(SAMPLE_MS)).toEqual(["release"]);
    expect(bench.dog.memory).toEqual({ used: 70 * MB, budget: BUDGET, stage: "ok" });
  });

  test("tight: queues are cut and caches shed, at growing intervals while that does not help", () => {
    const bench = new Bench();
    bench.own = 100;
    const [first, ...rest] = bench.pass(30_000);
    expect(first).toBe("release");
    expect(rest.slice(0, 3)).toEqual(["memory ok to tight", "press tight", "shed"]);
    expect(rest.filter((what) => what === "shed").length).toBe(4);
    expect(rest.some((what) => what.startsWith("restart"))).toBe(false);
  });

  test("nearly critical: pages are given back at every look and caches twice a second", () => {
    const bench = new Bench();
    bench.own = 110;
    const did = bench.pass(2000);
    expect(did.filter((what) => what === "release")).toHaveLength(2000 / SAMPLE_MS);
    expect(did.filter((what) => what === "shed")).toHaveLength(4);
    expect(bench.dog.memory.stage).toBe("tight");
  });

  test("a stage is entered at once and left only when use has stayed lower for five seconds", () => {
    const bench = new Bench();
    bench.own = 100;
    bench.pass(SAMPLE_MS);
    bench.own = 40;
    expect(bench.pass(4000)).toEqual([]);
    bench.own = 100;
    bench.pass(SAMPLE_MS);
    bench.own = 40;
    expect(bench.pass(4900)).toEqual([]);
    expect(bench.pass(200)).toEqual(["memory tight to ok", "press ok"]);
  });

  test("critical: new work is refused, and after 30 s without relief the node asks for a restart, once", () => {
    const bench = new Bench();
    bench.own = 120;
    expect(bench.pass(SAMPLE_MS)).toEqual(["release", "memory ok to critical", "press critical", "shed"]);
    expect(bench.pass(29_000).some((what) => what.startsWith("restart"))).toBe(false);
    const restarts = bench.pass(2000).filter((what) => what.startsWith("restart"));
    expect(restarts).toHaveLength(1);
    expect(restarts[0]).toContain("node.limits.max_ram_mb");
  });

  test("critical with relief in between does not end in a restart", () => {
    const bench = new Bench();
    for (let n = 0; n < 4; n++) {
      bench.own = 120;
      bench.pass(20_000);
      bench.own = 100;
      const did = bench.pass(6000);
      expect(did).toContain("press tight");
      expect(did.some((what) => what.startsWith("restart"))).toBe(false);
    }
  });

  test("children count, file pages of theirs do not", () => {
    const bench = new Bench();
    bench.child = 60;
    bench.pass(2000);
    expect(bench.dog.memory).toMatchObject({ used: 110 * MB, stage: "tight" });
  });

  test("this very process is measured", () => {
    const { own, file } = resident();
    expect(own).toBeGreaterThan(MB);
    expect(file).toBeGreaterThan(MB);
  });
});

describe("disk", () => {
  test("the stage that the writer tells is an event when it changes", () => {
    const bench = new Bench();
    bench.dog.setDisk({ used: 1, budget: 10, stage: "ok" });
    bench.dog.setDisk({ used: 9, budget: 10, stage: "tight" });
    bench.dog.setDisk({ used: 9, budget: 10, stage: "tight" });
    expect(bench.did).toEqual(["disk ok to tight"]);
    expect(bench.dog.disk.used).toBe(9);
  });
});

const SMAPS = `00200000-01a39000 r--p 00000000 fe:00 10141713      /usr/local/bin/dwbase
Rss:                5728 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
01a40000-0684a000 r-xp 01838000 fe:00 10141713      /usr/local/bin/dwbase
Rss:               34144 kB
Anonymous:             0 kB
06850000-06860000 r--p 06648000 fe:00 10141713      /usr/local/bin/dwbase
Anonymous:            64 kB
06867000-07e3d000 rw-p 0665e000 fe:00 10141713      /usr/local/bin/dwbase
Anonymous:             0 kB
33f02400000-33f42400000 r--p 00000000 00:00 0
Anonymous:             0 kB
`;

test("only mappings of files that nobody changed are given back: no data, no relocated tables, no heap", () => {
  expect(cleanFileRanges(SMAPS)).toEqual([
    { start: 0x200000, bytes: 0x1839000 },
    { start: 0x1a40000, bytes: 0x4e0a000 },
  ]);
});
