import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { LIMITS } from "../../src/base/mod.ts";
import { Dice, sentence } from "../../src/load/mod.ts";
import {
  deepCheck,
  envNumber,
  figure,
  NDJSON_TYPE,
  type StoredAtom,
  scratch,
  suite,
  TestNode,
} from "./harness.ts";
import { requestBytes, Wire, type WireAnswer } from "./wire.ts";

const ROUNDS = envNumber("DWBASE_KILL_ROUNDS", 50);
const CLIENTS = 64;
const ATOMS_A_ROUND = 1000;
/** Clients that also stream: as many as the node takes at once. */
const STREAMING = LIMITS.ndjsonStreams;
const CHECK_EVERY = 10;
/** A long campaign says how far it is. */
const TELL_EVERY = 100;
const JSON_HEADERS = { "Content-Type": "application/json" };

type Sent = Record<string, unknown> & { id?: string; payload_json: string };

/** Something a client sent, and which of its atoms were acknowledged under which id. */
interface Attempt {
  kind: "single" | "keyed" | "batch" | "stream";
  atoms: Sent[];
  /** Ids by place in `atoms`. */
  acked: Map<number, string>;
  /** Idempotency-Key. */
  key?: string;
  /** Places of atoms that must be refused. */
  bad: Set<number>;
}

class Round {
  readonly attempts: Attempt[] = [];
  acknowledged = 0;
  /** Forgets that were sent, by id; true once one was acknowledged. */
  readonly forgets = new Map<string, boolean>();
  /** Resolves when the moment has come to kill the node. */
  readonly killTime = Promise.withResolvers<void>();
  private planned = 0;
  private n = 0;

  constructor(
    readonly world: string,
    private readonly dice: Dice,
    private readonly killAfter: number,
  ) {}

  private atom(withId: boolean): Sent {
    const { dice } = this;
    this.n += 1;
    const atom: Sent = {
      world: this.world,
      worker: `worker-${dice.below(5)}`,
      kind: "observation",
      importance: dice.next(),
      payload_json: JSON.stringify({ n: this.n, text: sentence(dice, 4 + dice.below(20)) }),
      labels: [`session:${dice.below(20)}`, "naïve·été"],
      timestamp: new Date(Date.UTC(2025, 0, 1) + this.n * 1000).toISOString(),
    };
    if (withId) atom.id = randomUUID();
    if (dice.below(10) === 0) atom.vector = [dice.next(), -dice.next(), 1e-20].map(Math.fround);
    return atom;
  }

  private attempt(kind: Attempt["kind"], size: number): Attempt {
    const atoms = Array.from({ length: size }, () => this.atom(this.dice.below(2) === 0));
    const attempt: Attempt = { kind, atoms, acked: new Map(), bad: new Set() };
    if (kind === "keyed") {
      delete atoms[0]!.id;
      attempt.key = randomUUID();
    }
    if (kind === "batch" && this.dice.below(2) === 0) {
      attempt.bad.add(size - 2);
      atoms[size - 2] = { ...atoms[size - 2]!, importance: 7 };
    }
    this.planned += size;
    this.attempts.push(attempt);
    return attempt;
  }

  private next(streams: boolean): Attempt {
    const roll = this.dice.below(20);
    if (streams && roll < 10) return this.attempt("stream", 5 + this.dice.below(60));
    if (roll < 12) return this.attempt("single", 1);
    if (roll < 16) return this.attempt("keyed", 1);
    return this.attempt("batch", 3 + this.dice.below(15));
  }

  /** One client: one request after the other until the round's atoms are sent or the node is gone. */
  async client(port: number, streams: boolean): Promise<void> {
    const wire = await Wire.connect(port);
    while (wire.open && this.planned < ATOMS_A_ROUND) {
      const roll = this.dice.below(30);
      if (roll === 0) await this.forget(wire);
      else if (roll < 3) await this.ask(wire);
      else {
        const attempt = this.next(streams);
        this.note(attempt, await wire.exchange(requestOf(attempt)));
      }
    }
    wire.close();
    this.killTime.resolve();
  }

  /** Forgets an acknowledged atom that no retry will send again. */
  private async forget(wire: Wire): Promise<void> {
    const { kind, acked } = this.attempts[this.dice.below(this.attempts.length)] ?? {};
    const id = kind === "single" || kind === "keyed" ? acked?.get(0) : undefined;
    if (id === undefined || this.forgets.has(id)) return;
    this.forgets.set(id, false);
    const { status } = await wire.exchange(requestBytes("DELETE", `/atoms/${id}`));
    expect([0, 204]).toContain(status);
    if (status === 204) this.forgets.set(id, true);
  }

  private async ask(wire: Wire): Promise<void> {
    const body = JSON.stringify({ world: this.world, text: sentence(this.dice, 4) });
    const { status } = await wire.exchange(requestBytes("POST", "/ask", JSON_HEADERS, body));
    expect([0, 200, 404]).toContain(status);
  }

  note(attempt: Attempt, answer: WireAnswer): void {
    expect([0, 200]).toContain(answer.status);
    const before = attempt.acked.size;
    noteAnswer(attempt, answer);
    this.acknowledged += attempt.acked.size - before;
    if (this.acknowledged >= this.killAfter) this.killTime.resolve();
  }
}

function requestOf({ kind, atoms, key }: Attempt): Buffer {
  if (kind === "batch")
    return requestBytes("POST", "/remember/batch", JSON_HEADERS, JSON.stringify({ atoms }));
  if (kind === "stream") {
    const lines = atoms.map((atom) => `${JSON.stringify(atom)}\n`).join("");
    return requestBytes("POST", "/remember/batch", { "Content-Type": NDJSON_TYPE }, lines);
  }
  const headers = { ...JSON_HEADERS, ...(key === undefined ? {} : { "Idempotency-Key": key }) };
  // a relaxed acknowledgement may be lost with the power, not with the process
  const path = atoms[0]!.vector === undefined ? "/remember" : "/remember?durability=relaxed";
  return requestBytes("POST", path, headers, JSON.stringify(atoms[0]));
}

/** A stream acknowledges each line that arrived; anything else only a whole answer. */
function noteAnswer(attempt: Attempt, { body, complete }: WireAnswer): void {
  const text = body.toString();
  if (attempt.kind === "stream") {
    for (const line of text.split("\n").slice(0, -1)) {
      const { index, id } = JSON.parse(line);
      expect(id).toBeString();
      attempt.acked.set(index, id);
    }
  } else if (complete && attempt.kind === "batch") {
    const { ids, errors } = JSON.parse(text) as { ids: (string | null)[]; errors: { index: number }[] };
    expect(errors.map(({ index }) => index)).toEqual([...attempt.bad]);
    ids.forEach((id, at) => {
      if (id !== null) attempt.acked.set(at, id);
    });
  } else if (complete) attempt.acked.set(0, JSON.parse(text));
}

/** What must be answered for an atom that was sent. */
function stored(sent: Sent, id: string): StoredAtom {
  return { vector: null, flags: [], links: [], ...sent, id } as unknown as StoredAtom;
}

/**
 * Atoms of a world by the number in their payload; none may be there twice, under its number or its id. Vectors are
 * answered in the shortest digits that give the same float32.
 */
function byNumber(atoms: StoredAtom[]): Map<number, StoredAtom> {
  const found = new Map<number, StoredAtom>();
  for (const atom of atoms) {
    const vector = atom.vector?.map(Math.fround) ?? null;
    found.set(JSON.parse(atom.payload_json).n, { ...atom, vector });
  }
  expect(found.size).toBe(atoms.length);
  expect(new Set(atoms.map((atom) => atom.id)).size).toBe(atoms.length);
  return found;
}

const numberOf = (atom: Sent): number => JSON.parse(atom.payload_json).n;

/** What was acknowledged is there as it was sent; of the rest only what the contract allows. */
function verify(round: Round, found: Map<number, StoredAtom>): void {
  for (const { kind, atoms, acked, bad } of round.attempts) {
    for (const [at, id] of acked) {
      const there = found.get(numberOf(atoms[at]!));
      if (round.forgets.get(id)) expect(there).toBeUndefined();
      else if (there || !round.forgets.has(id)) expect(there).toEqual(stored(atoms[at]!, id));
    }
    const there = atoms.map((atom) => found.has(numberOf(atom)));
    for (const at of bad) expect(there[at]).toBe(false);
    const good = there.filter((_, at) => !bad.has(at));
    if (kind === "batch") expect(new Set(good).size).toBe(1);
    // lines are committed in order: what is there is a beginning of the stream
    if (kind === "stream") expect(good.lastIndexOf(true) + 1).toBe(good.filter(Boolean).length);
  }
}

/** Sends again what got no answer and can be sent again: each settles under the id of the first time. */
async function settle(round: Round, found: Map<number, StoredAtom>, port: number): Promise<number> {
  const wire = await Wire.connect(port);
  let retried = 0;
  for (const [id, done] of round.forgets) {
    if (done) continue;
    const { status } = await wire.exchange(requestBytes("DELETE", `/atoms/${id}`));
    expect([204, 404]).toContain(status);
    round.forgets.set(id, true);
  }
  for (const attempt of round.attempts) {
    const open = attempt.atoms.some((_, at) => !attempt.acked.has(at) && !attempt.bad.has(at));
    const repeatable = attempt.key !== undefined || attempt.atoms.every((atom) => atom.id !== undefined);
    if (!open || !repeatable) continue;
    retried += 1;
    const answer = await wire.exchange(requestOf(attempt));
    expect(answer.status).toBe(200);
    noteAnswer(attempt, answer);
    attempt.atoms.forEach((atom, at) => {
      if (attempt.bad.has(at)) return;
      const id = attempt.acked.get(at);
      expect(id).toBe(atom.id ?? found.get(numberOf(atom))?.id ?? id);
      expect(id).toBeString();
    });
  }
  wire.close();
  return retried;
}

suite("kill -9", () => {
  test(
    `${ROUNDS} times while ${CLIENTS} clients write, ask and forget: what was acknowledged is there, once and as sent`,
    async () => {
      const dir = join(scratch(), "data");
      const dice = new Dice(20260501);
      const rounds: Round[] = [];
      let retried = 0;
      let cut = 0;
      for (let n = 1; n <= ROUNDS; n++) {
        const round = new Round(`round/${n}`, dice, 1 + dice.below(ATOMS_A_ROUND - 100));
        rounds.push(round);
        const node = await TestNode.start({ dir });
        const clients = Array.from({ length: CLIENTS }, (_, i) => round.client(node.port, i < STREAMING));
        await round.killTime.promise;
        await node.kill();
        await Promise.all(clients);
        cut += round.attempts.filter(({ acked }) => acked.size === 0).length;

        const again = await TestNode.start({ dir });
        const found = byNumber(await again.replay(round.world));
        verify(round, found);
        retried += await settle(round, found, again.port);
        verify(round, byNumber(await again.replay(round.world)));
        await again.kill();
        if (n % CHECK_EVERY === 0) await deepCheck(dir);
        if (n % TELL_EVERY === 0) console.log(`kill -9: ${n} of ${ROUNDS} rounds, nothing lost`);
      }
      const last = await TestNode.start({ dir });
      let acknowledged = 0;
      let forgotten = 0;
      for (const round of rounds) {
        verify(round, byNumber(await last.replay(round.world)));
        for (const { acked } of round.attempts) acknowledged += acked.size;
        forgotten += round.forgets.size;
      }
      await last.stop();
      const { counts } = await deepCheck(dir);
      figure(
        `kill -9: ${ROUNDS} rounds, ${acknowledged} atoms acknowledged, 0 lost, ${forgotten} forgotten, ${cut} requests cut off, ${retried} settled by a retry, ${counts.atom} atoms stored`,
      );
    },
    60_000 + ROUNDS * 20_000,
  );
});
