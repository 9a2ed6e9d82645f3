/** Bytes of the database that go bad under a running node: what it says and serves, and what a repair makes of it. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { closeSync, copyFileSync, existsSync, openSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { LIMITS } from "../../src/base/mod.ts";
import { atomOf, deepCheck, run, scratch, suite, TestNode, until } from "./harness.ts";

const ATOMS = 600;
/** A bad sector's worth, in the middle of a page, where its rows are. */
const BAD = Buffer.alloc(512, 0xee);

/** Spoils a page of atoms in the middle of the database, as a card does it: nobody is told. */
function spoil(database: string): void {
  const copy = join(scratch(), "copy.db");
  copyFileSync(database, copy);
  const db = new Database(copy, { readonly: true });
  const leaves = db.query("SELECT pageno FROM dbstat WHERE name = 'atom' AND pagetype = 'leaf'").values();
  db.close();
  const page = Number(leaves[leaves.length >> 1]![0]);
  const fd = openSync(database, "r+");
  writeSync(fd, BAD, 0, BAD.length, (page - 1) * LIMITS.pageSize + LIMITS.pageSize / 2);
  closeSync(fd);
}

/** Ids that are answered as they were sent, and those that are refused. */
async function readAll(node: TestNode, texts: Map<string, string>) {
  const [good, refused]: [string[], string[]] = [[], []];
  for (const [id, text] of texts) {
    const { status, body } = await node.get(`/atoms/${id}`);
    if (status === 200) {
      expect(JSON.parse(body.payload_json).text).toBe(text);
      good.push(id);
    } else {
      expect([status, body.code]).toEqual([503, "storage_error"]);
      refused.push(id);
    }
  }
  return { good, refused };
}

suite("a page that goes bad under a running node", () => {
  test("is refused and told in /health, all else is served; the repair names what is lost", async () => {
    const node = await TestNode.start();
    const atoms = Array.from({ length: ATOMS }, (_, n) => atomOf(`an owl sat on roof ${n}`));
    const { ids } = (await node.post("/remember/batch", { atoms })).body;
    const texts = new Map<string, string>(
      ids.map((id: string, n: number) => [id, `an owl sat on roof ${n}`]),
    );
    const database = join(node.dir, "dwbase.db");
    await until("the log is folded", 20_000, () => statSync(`${database}-wal`).size === 0);
    spoil(database);

    const { good, refused } = await readAll(node, texts);
    expect(refused.length).toBeGreaterThan(0);
    expect(good.length).toBeGreaterThan(ATOMS * 0.9);
    expect((await node.get("/healthz")).status).toBe(200);
    const health = (await node.get("/health")).body;
    expect([health.status, JSON.stringify(health)]).toEqual(["degraded", expect.stringMatching(/damaged/)]);
    // it takes and gives what is not damaged, whatever it met
    texts.set(await node.remember(atomOf("a fox in the barn")), "a fox in the barn");
    const asked = await node.post("/ask", { world: "home", text: "where is the fox" });
    expect(JSON.parse(asked.body.supporting_atoms[0].payload_json).text).toBe("a fox in the barn");
    const lost = Number(texts.get(refused[0]!)!.split(" ").at(-1));
    const beside = await node.post("/ask", { world: "home", text: `roof ${lost}`, limit: 100 });
    expect([beside.status, beside.body.warnings.join()]).toEqual([
      200,
      expect.stringMatching(/damaged atoms? (is|are) left out/),
    ]);
    expect((await node.send("DELETE", `/atoms/${good[0]}`)).status).toBe(204);
    texts.delete(good[0]!);
    await node.kill();

    const again = await TestNode.start({ dir: node.dir });
    expect((await readAll(again, texts)).refused).toEqual(refused);
    await again.stop();
    expect((await run(["storage", "check", "--deep", "--data-dir", node.dir])).code).toBe(6);
    const repaired = await run(["storage", "repair", "--json", "--data-dir", node.dir]);
    expect(repaired.code).toBe(6);
    const { lost: named, unnamed, atoms: left } = JSON.parse(repaired.out);
    // atoms are numbered in the order in which they were sent
    expect(named).toEqual(refused.map((id) => ({ seq: ids.indexOf(id) + 1, world: "home" })));
    expect([unnamed, left]).toEqual([0, texts.size - refused.length]);
    expect(existsSync(`${database}.damaged`)).toBe(true);

    const mended = await TestNode.start({ dir: node.dir });
    expect((await mended.get("/health")).body.status).toBe("ready");
    for (const id of refused) expect((await mended.get(`/atoms/${id}`)).status).toBe(404);
    for (const id of refused) texts.delete(id);
    expect((await readAll(mended, texts)).refused).toEqual([]);
    await mended.stop();
    await deepCheck(node.dir);
  });
});
