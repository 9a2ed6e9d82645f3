/** A disk that fails at any moment: the fault comes after a random number of calls, in whatever the node is doing then. */
import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Dice, sentence } from "../../src/load/mod.ts";
import { EIO, ENOSPC, FaultyDisk } from "./faults.ts";
import { atomOf, deepCheck, envNumber, figure, scratch, suite, TestNode, until } from "./harness.ts";

const ROUNDS = envNumber("DWBASE_FAULT_ROUNDS", 40);
const OPERATIONS = 24;
const RESTART_EVERY = 10;
const FAULTS = {
  "no space": { writeErrno: ENOSPC },
  "failing writes": { writeErrno: EIO },
  "failing fsyncs": { syncErrno: EIO },
  "failing truncation": { truncateErrno: EIO },
  "one failed fsync": { syncErrno: EIO, failures: 1 },
  "one failed write": { writeErrno: EIO, failures: 1 },
  "short writes": { shortWrites: 3 },
} as const;
/** Statuses of a write on a failing disk, with the codes that explain them. */
const REFUSALS = ["503 storage_error", "507 disk_full", "503 overloaded"];

/** What must be there: texts by id; undefined = it must be gone; ids in `open` may be either. */
class Ledger {
  readonly texts = new Map<string, string | undefined>();
  readonly open = new Set<string>();

  constructor(private readonly dice: Dice) {}

  known(): string | undefined {
    const ids = [...this.texts].filter(([id, text]) => text !== undefined && !this.open.has(id));
    return ids[this.dice.below(ids.length)]?.[0];
  }
}

class Client {
  refused = 0;

  constructor(
    private readonly node: () => TestNode,
    private readonly ledger: Ledger,
    private readonly dice: Dice,
  ) {}

  private async write(
    ids: string[],
    send: () => Promise<{ status: number; body: { code?: string } }>,
  ): Promise<boolean> {
    for (const id of ids) this.ledger.open.add(id);
    const { status, body } = await send();
    if (status < 300) for (const id of ids) this.ledger.open.delete(id);
    else {
      this.refused += 1;
      expect(REFUSALS).toContain(`${status} ${body.code}`);
    }
    return status < 300;
  }

  private atom(): Record<string, unknown> & { id: string } {
    const id = randomUUID();
    const text = sentence(this.dice, 3 + this.dice.below(60));
    this.ledger.texts.set(id, text);
    return { ...atomOf(text), id };
  }

  remember(): Promise<boolean> {
    const atom = this.atom();
    const path = this.dice.below(3) === 0 ? "/remember?durability=relaxed" : "/remember";
    return this.write([atom.id], () => this.node().post(path, atom));
  }

  batch(): Promise<boolean> {
    const atoms = Array.from({ length: 2 + this.dice.below(40) }, () => this.atom());
    return this.write(
      atoms.map(({ id }) => id),
      () => this.node().post("/remember/batch", { atoms }),
    );
  }

  async forget(): Promise<void> {
    const id = this.ledger.known();
    if (id === undefined) return;
    const gone = await this.write([id], () => this.node().send("DELETE", `/atoms/${id}`));
    if (gone) this.ledger.texts.set(id, undefined);
  }

  async read(): Promise<void> {
    expect((await this.node().get("/healthz")).status).toBe(200);
    expect((await this.node().get("/health")).status).toBe(200);
    const id = this.ledger.known();
    if (id !== undefined) expect((await this.node().get(`/atoms/${id}`)).status).toBe(200);
    const asked = await this.node().post("/ask", { world: "home", text: sentence(this.dice, 3) });
    expect([200, 404]).toContain(asked.status);
  }

  async some(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const roll = this.dice.below(10);
      if (roll < 4) await this.remember();
      else if (roll < 6) await this.batch();
      else if (roll < 8) await this.forget();
      else await this.read();
    }
  }
}

/** What is there is what must be there. What was refused without a doubt may be there too, but not twice or changed. */
async function verify(node: TestNode, ledger: Ledger): Promise<void> {
  const found = new Map(
    (await node.replay("home")).map((atom) => [atom.id, JSON.parse(atom.payload_json).text]),
  );
  for (const [id, text] of ledger.texts) {
    if (ledger.open.has(id)) {
      ledger.texts.set(id, found.get(id));
      ledger.open.delete(id);
    } else if (found.get(id) !== text) expect({ id, text: found.get(id) }).toEqual({ id, text });
    found.delete(id);
  }
  expect([...found.keys()]).toEqual([]);
}

suite("a disk that fails at any moment", () => {
  test(
    `${ROUNDS} times: reads go on, refusals say why, writing resumes by itself, nothing acknowledged is lost`,
    async () => {
      const dir = join(scratch(), "data");
      const dice = new Dice(20260707);
      const ledger = new Ledger(dice);
      const kinds = Object.values(FAULTS);
      const disks = ["*/dwbase.db-wal", "*/dwbase.db", "*/dwbase.db*"].map((paths) => FaultyDisk.make(paths));
      let made = 0;
      let disk = disks[0]!;
      let node = await TestNode.start({ dir, env: disk.env });
      const client = new Client(() => node, ledger, dice);
      for (let round = 0; round < ROUNDS; round++) {
        const before = disk.get("made");
        disk.set({ ...kinds[round % kinds.length]!, after: dice.below(40) });
        await client.some(OPERATIONS);
        made += disk.get("made") - before;
        disk.mend();
        await until("writing resumes", 20_000, () => client.remember());
        await verify(node, ledger);
        if (round % RESTART_EVERY !== RESTART_EVERY - 1) continue;
        await (dice.below(2) === 0 ? node.kill() : node.stop());
        await deepCheck(dir);
        disk = disks[Math.floor(round / RESTART_EVERY + 1) % disks.length]!;
        node = await TestNode.start({ dir, env: disk.env });
        await verify(node, ledger);
      }
      await node.stop();
      for (const one of disks) one.close();
      await deepCheck(dir);
      expect(made).toBeGreaterThan(ROUNDS / 4);
      figure(
        `a disk that fails at any moment: ${ROUNDS} rounds, ${made} faults made, ${client.refused} writes refused, ${ledger.texts.size} atoms sent, 0 acknowledged lost`,
      );
    },
    60_000 + ROUNDS * 10_000,
  );
});
