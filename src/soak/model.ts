/** An atom as a client sent it. */
export interface Sent {
  id: string;
  world: string;
  payload: string;
}

/** An atom as the store gives it back. */
export interface Found {
  id: string;
  world: string;
  payload_json: string;
}

export interface Loss {
  id: string;
  world: string;
  problem: "lost" | "changed" | "forgotten, yet there" | "never sent";
}

/** What a store must hold: all that was acknowledged, nothing that was forgotten, and of the rest one or the other. */
export class Model {
  private readonly kept = new Map<string, Sent>();
  /** Sent, with an outcome that is not known. */
  private readonly open = new Map<string, Sent>();
  private readonly forgotten = new Set<string>();
  /** Their forget was sent, with an outcome that is not known. */
  private readonly leaving = new Map<string, Sent>();
  acknowledged = 0;

  get size(): number {
    return this.kept.size;
  }

  get forgets(): number {
    return this.forgotten.size;
  }

  sending(atom: Sent): void {
    this.open.set(atom.id, atom);
  }

  acked(id: string): void {
    const atom = this.open.get(id);
    if (!atom) return;
    this.open.delete(id);
    this.kept.set(id, atom);
    this.acknowledged += 1;
  }

  /** It is certain that nothing was stored. */
  refused(id: string): void {
    this.open.delete(id);
  }

  forgetting(id: string): void {
    const atom = this.kept.get(id);
    if (!atom) return;
    this.kept.delete(id);
    this.leaving.set(id, atom);
  }

  forgot(id: string): void {
    this.leaving.delete(id);
    this.forgotten.add(id);
  }

  /** The forget was refused: it is still there. */
  stays(id: string): void {
    const atom = this.leaving.get(id);
    if (!atom) return;
    this.leaving.delete(id);
    this.kept.set(id, atom);
  }

  /** What a client has to send again to learn its outcome. */
  unsettled(): { remembers: Sent[]; forgets: string[] } {
    return { remembers: [...this.open.values()], forgets: [...this.leaving.keys()] };
  }

  /** A kept atom by a number from 0 to 1. */
  pick(share: number): Sent | undefined {
    // a Map cannot be indexed; the newest few thousand are as good as all
    const ids = [...this.kept.keys()].slice(-PICKED);
    const id = ids[Math.floor(share * ids.length)];
    return id === undefined ? undefined : this.kept.get(id);
  }

  /** Atoms whose loss somebody else has answered for: a repair that named them. */
  excuse(ids: Iterable<string>): void {
    for (const id of ids) this.kept.delete(id);
  }

  /** The acknowledged atoms of this moment, to compare a copy with. */
  snapshot(): Map<string, Sent> {
    return new Map(this.kept);
  }

  /** Compares what is there with what must be. */
  judge(found: Iterable<Found>): Loss[] {
    const losses: Loss[] = [];
    const missing = new Map(this.kept);
    for (const { id, world, payload_json } of found) {
      const sent = this.kept.get(id) ?? this.open.get(id) ?? this.leaving.get(id);
      missing.delete(id);
      if (this.forgotten.has(id)) losses.push({ id, world, problem: "forgotten, yet there" });
      else if (!sent) losses.push({ id, world, problem: "never sent" });
      else if (sent.payload !== payload_json || sent.world !== world)
        losses.push({ id, world, problem: "changed" });
    }
    for (const { id, world } of missing.values()) losses.push({ id, world, problem: "lost" });
    return losses;
  }

  /** Compares a copy with what was acknowledged when it was begun. Later atoms may be in it, others not. */
  judgeCopy(found: readonly Found[], since: ReadonlyMap<string, Sent>): Loss[] {
    const there = new Map(found.map((atom) => [atom.id, atom]));
    const known = (id: string) =>
      this.kept.has(id) || this.open.has(id) || this.leaving.has(id) || this.forgotten.has(id);
    const losses: Loss[] = [];
    for (const { id, world, payload } of since.values()) {
      const copy = there.get(id);
      if (copy && copy.payload_json !== payload) losses.push({ id, world, problem: "changed" });
      if (!copy && this.kept.has(id)) losses.push({ id, world, problem: "lost" });
    }
    for (const { id, world } of found) if (!known(id)) losses.push({ id, world, problem: "never sent" });
    return losses;
  }
}

const PICKED = 4096;
