/** The budgets of memory and disk under loads that want more than they allow. */
import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Dice, memory, postRequest, RawClient, sentence } from "../../src/load/mod.ts";
import {
  atomOf,
  BIN,
  deepCheck,
  diskBytes,
  envNumber,
  FULL,
  figure,
  quantile,
  suite,
  TestNode,
  until,
} from "./harness.ts";
import { requestBytes, Wire } from "./wire.ts";

const RAM_MB = 128;
const LOAD_MS = envNumber("DWBASE_BUDGET_SECONDS", FULL ? 120 : 25) * 1000;
const ATOMS = 100_000;
const DISK_MB = 64;
const MB = 2 ** 20;

/** Runs until `until` on a connection of its own; refusals are counted and waited out. */
async function keepSending(
  port: number,
  going: () => boolean,
  make: () => Uint8Array,
  done: (status: number, body: string) => void,
): Promise<void> {
  const client = await RawClient.connect("127.0.0.1", port);
  while (going()) {
    const status = await client.send(make());
    done(status, client.body);
    if (status !== 200) await Bun.sleep(50);
  }
  client.close();
}

/** Batches of 1,000 made once, since making them would take the node's processor. */
function batches(count: number): Uint8Array[] {
  const dice = new Dice(1);
  let n = 0;
  return Array.from({ length: count }, () =>
    postRequest("/remember/batch", { atoms: Array.from({ length: 1000 }, () => memory(dice, n++)) }),
  );
}

/** The large mappings of the executable, in MB. */
function mappings(pid: number): { writable: boolean; changed: number; resident: number }[] {
  return readFileSync(`/proc/${pid}/smaps`, "latin1")
    .split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    .filter((mapping) => mapping.split("\n", 1)[0]!.endsWith(`/${basename(BIN)}`))
    .map((mapping) => {
      const mb = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(mapping)![1]) / 1024;
      const writable = mapping.split(" ")[1]!.includes("w");
      return { writable, changed: mb("Anonymous"), resident: mb("Rss"), size: mb("Size") };
    })
    .filter(({ size }) => size > 8);
}

suite("budgets", () => {
  let sampler: Timer | undefined;
  afterEach(() => clearInterval(sampler));

  test("soon after start the program's own pages are read-only, and what only the start needed is given back", async () => {
    const node = await TestNode.start();
    await until("the bundle is read-only", 10_000, async () =>
      mappings(node.pid).every(({ writable }) => !writable),
    );
    const settled = mappings(node.pid);
    expect(settled.map(({ changed }) => changed)).toEqual(settled.map(() => 0));
    // 52 MB are resident when it starts
    expect(settled.reduce((sum, { resident }) => sum + resident, 0)).toBeLessThan(45);
    expect((await node.post("/remember", atomOf("read from pages that come back"))).status).toBe(200);
    const { body } = await node.post("/ask", { world: "home", text: "which pages come back?" });
    expect(body.supporting_atoms).toHaveLength(1);
    await node.stop();
    await deepCheck(node.dir);
  });

  test(
    `${RAM_MB} MB hold under ${ATOMS} memories, wide questions and large batches`,
    async () => {
      const node = await TestNode.start({ env: { DWBASE_MAX_RAM_MB: String(RAM_MB) } });
      const began = performance.now();
      let [acknowledged, sent] = [0, 0];
      // a slow machine gets more time until the memories are there
      const going = (): boolean => {
        const ms = performance.now() - began;
        return ms < LOAD_MS || (acknowledged < ATOMS && ms < 4 * LOAD_MS);
      };
      const rss: number[] = [];
      sampler = setInterval(() => rss.push(node.memoryMb("VmRSS")), 100);
      const statuses = new Map<number, number>();
      const count = (status: number): void => void statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const ready = batches(30);
      const write = (): Promise<void> =>
        keepSending(
          node.port,
          going,
          () => ready[sent++ % ready.length]!,
          (status) => {
            count(status);
            if (status === 200) acknowledged += 1000;
          },
        );
      const ask = (client: number): Promise<void> => {
        const dice = new Dice(client);
        const wide = () =>
          postRequest("/ask", { world: "bench", text: sentence(dice, 40), limit: 100, explain: true });
        return keepSending(node.port, going, wide, count);
      };
      const page = (): Promise<void> =>
        keepSending(node.port, going, () => postRequest("/replay", { world: "bench" }), count);
      const healthz: number[] = [];
      const probe = async (): Promise<void> => {
        const wire = await Wire.connect(node.port);
        while (going()) {
          const asked = performance.now();
          expect((await wire.exchange(requestBytes("GET", "/healthz"))).status).toBe(200);
          healthz.push(performance.now() - asked);
          await Bun.sleep(20);
        }
        wire.close();
      };
      await Promise.all([
        probe(),
        ...Array.from({ length: 6 }, write),
        ...Array.from({ length: 8 }, (_, client) => ask(client + 10)),
        ...Array.from({ length: 4 }, page),
      ]);
      clearInterval(sampler);
      const peak = Math.max(...rss);
      figure(
        `${RAM_MB} MB budget, ${((performance.now() - began) / 1000).toFixed(0)} s: RSS peak ${peak.toFixed(1)} MB of ${rss.length} samples, ${acknowledged} memories acknowledged, answers ${JSON.stringify(Object.fromEntries(statuses))}; /healthz p99 ${quantile(healthz, 0.99).toFixed(1)}, max ${Math.max(...healthz).toFixed(1)} ms of ${healthz.length}`,
      );
      expect(peak).toBeLessThanOrEqual(RAM_MB);
      expect(acknowledged).toBeGreaterThanOrEqual(ATOMS);
      expect([...statuses.keys()].filter((status) => ![200, 404, 503].includes(status))).toEqual([]);
      const { body } = await node.get("/worlds?counts=true");
      expect(body[0].atoms).toBe(acknowledged);
      expect((await node.get("/health")).body.memory.budget_bytes).toBe(RAM_MB * MB);
      await node.stop();
      await deepCheck(node.dir);
    },
    4 * LOAD_MS + 240_000,
  );

  test(`${DISK_MB} MB of disk are never exceeded, writes get 507, and retention frees space when a policy allows`, async () => {
    const node = await TestNode.start({ env: { DWBASE_MAX_DISK_MB: String(DISK_MB) } });
    let peak = 0;
    sampler = setInterval(() => {
      // files that change while they are looked at make a sum of no moment: the lower of two looks
      peak = Math.max(peak, Math.min(diskBytes(node.dir), diskBytes(node.dir)));
    }, 20);
    const ready = batches(30);
    let [acknowledged, full, sent] = [0, false, 0];
    await Promise.all(
      Array.from({ length: 4 }, () =>
        keepSending(
          node.port,
          () => !full,
          () => ready[sent++ % ready.length]!,
          (status) => {
            if (status === 200) acknowledged += 1000;
            if (status === 507) full = true;
          },
        ),
      ),
    );
    // a refused one may still find room once the WAL is folded; a row of them does not
    let [singles, stored, refusals] = [0, 0, 0];
    for (; refusals < 10 && singles < 20_000; singles++) {
      const { status } = await node.post(
        "/remember",
        atomOf(sentence(new Dice(singles), 200), { world: "bench" }),
      );
      if (status === 200) stored += 1;
      refusals = status === 507 ? refusals + 1 : 0;
      if (refusals > 0) await Bun.sleep(100);
    }
    const refused = await node.post("/remember", atomOf(sentence(new Dice(0), 200)));
    expect([refused.status, refused.body.code]).toEqual([507, "disk_full"]);
    expect(refused.body.error).toContain("node.limits.max_disk_mb");
    expect((await node.get("/healthz")).status).toBe(200);
    expect((await node.post("/ask", { world: "bench", text: "ba de" })).status).toBe(200);
    await until(
      "the health says so",
      10_000,
      async () => (await node.get("/health")).body.disk.stage !== "ok",
    );
    const before = (await node.get("/worlds?counts=true")).body;
    expect(before.find((world: { name: string }) => world.name === "bench").atoms).toBe(
      acknowledged + stored,
    );
    expect((await node.post("/worlds/policy", { world: "bench", max_bytes: 4 * MB })).status).toBe(200);
    const seconds = await until("retention made room", 120_000, async () => {
      return (await node.post("/remember", atomOf("one more"))).status === 200;
    });
    clearInterval(sampler);
    figure(
      `${DISK_MB} MB disk budget: data directory peak ${(peak / MB).toFixed(2)} MB, ${acknowledged} memories in batches and ${stored} single ones before 507; writing again ${seconds.toFixed(1)} s after a policy`,
    );
    expect(peak).toBeLessThanOrEqual(DISK_MB * MB);
    await node.stop();
    await deepCheck(node.dir);
  }, 300_000);
});
