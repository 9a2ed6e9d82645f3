import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Dice, sentence } from "../../src/load/mod.ts";
import { EIO, ENOSPC, FaultyDisk } from "./faults.ts";
import { atomOf, deepCheck, figure, quantile, scratch, suite, TestNode, until } from "./harness.ts";
import { mayMount, mount, unmount } from "./volumes.ts";
import { requestBytes, Wire } from "./wire.ts";

const WAL = "*.db-wal";
/** What the product promises for /healthz, and the multiple of it that a loaded build machine may take. */
const HEALTHZ_MS = 20;
const LOADED = 10;

const own = (text: string): Record<string, unknown> => atomOf(text, { id: randomUUID() });

async function onFaultyDisk(
  paths: string,
  body: (node: TestNode, disk: FaultyDisk) => Promise<void>,
): Promise<void> {
  const disk = FaultyDisk.make(paths);
  const dir = join(scratch(), "data");
  const node = await TestNode.start({ dir, env: disk.env });
  await body(node, disk);
  disk.mend();
  await node.stop();
  disk.close();
  await deepCheck(dir);
}

/** Times /healthz on one connection until told to stop. */
async function timeHealthz(node: TestNode, go: { on: boolean }): Promise<number[]> {
  const wire = await Wire.connect(node.port);
  const request = requestBytes("GET", "/healthz");
  const times: number[] = [];
  while (go.on) {
    const began = performance.now();
    expect((await wire.exchange(request)).status).toBe(200);
    times.push(performance.now() - began);
    await Bun.sleep(5);
  }
  wire.close();
  return times;
}

suite("a bad disk", () => {
  test("an fsync of 2 s delays the acknowledgement and nothing else", () =>
    onFaultyDisk("*", async (node, disk) => {
      const id = await node.remember(own("before"));
      disk.set({ syncDelayMs: 2000 });
      const go = { on: true };
      const healthz = timeHealthz(node, go);
      const began = performance.now();
      const asks: number[] = [];
      const pending = node.remember(own("slow"));
      await Bun.sleep(300);
      for (let n = 0; n < 20; n++) {
        const start = performance.now();
        expect((await node.get(`/atoms/${id}`)).status).toBe(200);
        asks.push(performance.now() - start);
      }
      await pending;
      const acknowledged = performance.now() - began;
      // what waited for that fsync shares the next one
      const syncs = disk.get("syncs");
      await Promise.all(Array.from({ length: 32 }, (_, n) => node.remember(own(`waiting ${n}`))));
      const grouped = disk.get("syncs") - syncs;
      go.on = false;
      const times = await healthz;
      expect(acknowledged).toBeGreaterThanOrEqual(2000);
      expect(grouped).toBeLessThanOrEqual(4);
      expect(quantile(times, 0.99)).toBeLessThan(HEALTHZ_MS * LOADED);
      figure(
        `fsync of 2 s: remember ${Math.round(acknowledged)} ms, 32 more in ${grouped} fsyncs; ${times.length} /healthz p50 ${quantile(times, 0.5).toFixed(2)} p99 ${quantile(times, 0.99).toFixed(2)} max ${Math.max(...times).toFixed(2)} ms (p99 of ${HEALTHZ_MS} promised); reads p95 ${quantile(asks, 0.95).toFixed(2)} ms`,
      );
    }));

  test("a failed fsync of the WAL is 503, the store is opened anew, and a retry settles it", () =>
    onFaultyDisk(WAL, async (node, disk) => {
      const kept = await node.remember(own("kept"));
      for (let round = 0; round < 5; round++) {
        const atoms = Array.from({ length: 8 }, (_, n) => own(`round ${round}, atom ${n}`));
        disk.set({ syncErrno: EIO, failures: 1 });
        const answers = await Promise.all(atoms.map((atom) => node.post("/remember", atom)));
        const failed = answers.filter(({ status }) => status !== 200);
        expect(failed.length).toBeGreaterThan(0);
        for (const { status, body, headers } of failed) {
          expect([status, body.code]).toEqual([503, "storage_error"]);
          expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
        }
        for (const atom of atoms) expect(await node.remember(atom)).toBe(String(atom.id));
      }
      expect((await node.get(`/atoms/${kept}`)).status).toBe(200);
      const atoms = await node.replay("home");
      expect(atoms.length).toBe(1 + 5 * 8);
      expect(new Set(atoms.map(({ id }) => id)).size).toBe(atoms.length);
      figure(`EIO on fsync of the WAL: ${disk.get("made")} failures, every retry settled, nothing twice`);
    }));

  test("a disk that fails for a while: writes are 503, reads go on, then writes do", () =>
    onFaultyDisk(WAL, async (node, disk) => {
      const kept = await node.remember(own("the kettle is blue"));
      disk.set({ syncErrno: EIO, writeErrno: EIO });
      const atom = own("refused");
      for (let n = 0; n < 5; n++) {
        const { status, body } = await node.post("/remember", atom);
        expect([status, body.code]).toEqual([503, "storage_error"]);
        expect((await node.get(`/atoms/${kept}`)).status).toBe(200);
        expect((await node.post("/ask", { world: "home", text: "kettle" })).status).toBe(200);
        expect((await node.get("/healthz")).status).toBe(200);
      }
      disk.mend();
      await until("writes go on", 10_000, async () => (await node.post("/remember", atom)).status === 200);
      expect((await node.replay("home")).map(({ id }) => id)).toEqual([kept, String(atom.id)]);
    }));

  test("a full disk is 507 and changes nothing; reads go on; writing resumes with space", () =>
    onFaultyDisk(WAL, async (node, disk) => {
      const kept = await node.remember(own("the kettle is blue"));
      disk.set({ writeErrno: ENOSPC });
      const atom = own("later");
      const batch = { atoms: [own("a"), own("b")] };
      for (let n = 0; n < 5; n++) {
        for (const answer of [
          await node.post("/remember", atom),
          await node.post("/remember/batch", batch),
        ]) {
          expect([answer.status, answer.body.code]).toEqual([507, "disk_full"]);
        }
        expect((await node.get(`/atoms/${kept}`)).status).toBe(200);
        expect(
          (await node.post("/ask", { world: "home", text: "kettle" })).body.supporting_atoms.length,
        ).toBe(1);
        expect((await node.replay("home")).length).toBe(1);
        expect((await node.get("/health")).status).toBe(200);
      }
      disk.mend();
      expect(await node.remember(atom)).toBe(String(atom.id));
      expect((await node.post("/remember/batch", batch)).body.errors).toEqual([]);
      expect((await node.replay("home")).length).toBe(4);
      figure(
        `ENOSPC on the WAL: ${disk.get("made")} failed writes, all answered 507, writing resumed at once`,
      );
    }));

  test("a stream on a disk that fills up ends with a last line that says so", () =>
    onFaultyDisk(WAL, async (node, disk) => {
      disk.set({ writeErrno: ENOSPC });
      const lines = Array.from({ length: 50 }, (_, n) => `${JSON.stringify(own(`line ${n}`))}\n`).join("");
      const { status, text } = await node.send("POST", "/remember/batch", {
        raw: lines,
        headers: { "Content-Type": "application/x-ndjson" },
      });
      expect(status).toBe(200);
      const last = JSON.parse(text.trim().split("\n").at(-1)!);
      expect([last.code, last.index]).toEqual(["disk_full", undefined]);
      disk.mend();
      expect((await node.replay("home")).length).toBe(0);
    }));

  test("short writes are finished, and torn ones do not survive a kill -9", async () => {
    const disk = FaultyDisk.make("*/dwbase.db*");
    const dir = join(scratch(), "data");
    const node = await TestNode.start({ dir, env: disk.env });
    disk.set({ shortWrites: 20 });
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.push(await node.remember(own(`short ${n}`)));
    expect(disk.get("shortWrites")).toBe(0);
    // half of a write arrives, the other half fails, and the power goes
    disk.set({ shortWrites: 1 });
    void node.post("/remember", own("torn")).catch(() => {});
    await until("the write is torn", 5000, () => disk.get("shortWrites") === 0);
    await node.kill();
    disk.mend();
    const again = await TestNode.start({ dir });
    for (const id of ids) expect((await again.get(`/atoms/${id}`)).status).toBe(200);
    await again.stop();
    disk.close();
    await deepCheck(dir);
  });

  test("trouble while the WAL is folded is said and ends by itself", () =>
    onFaultyDisk("*/dwbase.db", async (node, disk) => {
      disk.set({ syncErrno: EIO, writeErrno: EIO });
      const ids: string[] = [];
      for (let n = 0; n < 5; n++) ids.push(await node.remember(own(`folded later ${n}`)));
      await until(
        "health says so",
        15_000,
        async () => (await node.get("/health")).body.status === "degraded",
      );
      expect((await node.get(`/atoms/${ids[0]}`)).status).toBe(200);
      disk.mend();
      await until("health is well", 15_000, async () => (await node.get("/health")).body.status === "ready");
      for (const id of ids) expect((await node.get(`/atoms/${id}`)).status).toBe(200);
      await node.remember(own("after"));
    }));

  test.skipIf(!mayMount())("a small volume that is really full", async () => {
    const parent = scratch();
    const volume = join(parent, "volume");
    mkdirSync(volume);
    mount("-t", "tmpfs", "-o", "size=24m", "tmpfs", volume);
    try {
      const dir = join(volume, "data");
      const node = await TestNode.start({ dir });
      const dice = new Dice(5);
      const batch = () => ({
        atoms: Array.from({ length: 200 }, () => atomOf(sentence(dice, 60), { world: "big" })),
      });
      let stored = 0;
      let answer = await node.post("/remember/batch", batch());
      for (; answer.status === 200 && stored < 500_000; answer = await node.post("/remember/batch", batch()))
        stored += 200;
      expect([answer.status, answer.body.code]).toEqual([507, "disk_full"]);
      const page = await node.post("/replay", { world: "big", filter: { limit: 50 } });
      expect(page.status).toBe(200);
      expect((await node.post("/ask", { world: "big", text: dice.next().toString() })).status).toBe(200);
      expect((await node.replay("big")).length).toBe(stored);
      const [first] = page.body;
      expect((await node.send("DELETE", `/atoms/${first.id}`)).status).toBe(204);
      stored -= 1;
      expect((await node.get("/health")).status).toBe(200);
      await node.kill();
      // a start on the full disk works too
      const again = await TestNode.start({ dir });
      expect((await again.replay("big")).length).toBe(stored);
      await again.stop();
      await deepCheck(dir);
      figure(`a volume of 24 MB took ${stored} atoms, then 507; reads, a forget and a restart went on`);
    } finally {
      unmount(volume);
    }
  });
});
