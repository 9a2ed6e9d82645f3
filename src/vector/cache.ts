import type { Arena } from "./arena.ts";
import { Block, type Shape } from "./block.ts";
import { dot } from "./kernel.ts";
import type { Query } from "./query.ts";
import type { VectorRow, VectorSource, WorldVectors } from "./types.ts";

/** Rows read from the source at once. */
const BATCH = 1024;

/** The rows of one world in memory, from after `from`. */
class Kept {
  readonly blocks: Block[] = [];
  covered: number;

  constructor(
    readonly from: number,
    readonly epoch: number,
  ) {
    this.covered = from;
  }

  find(seq: number): { block: Block; index: number } | undefined {
    const block = this.blocks.findLast((one) => one.count > 0 && one.seqs[0]! <= seq);
    const index = block?.indexOf(seq) ?? -1;
    return index < 0 ? undefined : { block: block!, index };
  }
}

/**
 * Rows of the worlds asked last, as far as the arena has room, in the order in which they were used. A world that
 * does not fit is streamed through one slab.
 */
export class RowCache {
  private readonly worlds = new Map<number, Kept>();
  private readonly stream: Block;
  /** Rows of another length than the space's, seen since the start. */
  unreadable = 0;

  /** @param slabs how many of the arena's may be kept, beside the one for streaming */
  constructor(
    private readonly source: VectorSource,
    private readonly arena: Arena,
    private readonly shape: Shape,
    private readonly slabs: number,
  ) {
    this.stream = new Block(arena.take()!, shape);
  }

  drop(world: number): void {
    const kept = this.worlds.get(world);
    if (!kept) return;
    this.worlds.delete(world);
    for (const block of kept.blocks) this.arena.give(block.slab);
  }

  /** Whether rows that were removed from the source may still be among a world's pieces. */
  mayHoldRemoved(world: WorldVectors): boolean {
    return (this.worlds.get(world.id)?.epoch ?? world.epoch) !== world.epoch;
  }

  /**
   * The rows of a world with a sequence over `from`, in pieces: blocks that are kept, or one that is filled anew for
   * each piece. `check` is called between reads; what was read before it throws is kept.
   */
  *pieces(world: WorldVectors, from: number, size: number, check: () => void): Generator<Block> {
    if (Math.ceil(size / this.shape.rows) > this.slabs) {
      yield* this.streamed(world.id, from, check);
      return;
    }
    const kept = this.kept(world, from);
    if (this.extend(kept, world, check)) yield* kept.blocks;
    else {
      this.drop(world.id);
      yield* this.streamed(world.id, from, check);
    }
  }

  /** Cosine of a kept row, or undefined when it is not kept. */
  cosine(world: number, seq: number, query: Query): number | undefined {
    const found = this.worlds.get(world)?.find(seq);
    if (!found) return undefined;
    const { block, index } = found;
    return dot(block.row(this.arena, index), 0, query.vector) * block.inverse[index]! * query.inverse;
  }

  /** The kept rows of a world, which becomes the one used last. */
  private kept(world: WorldVectors, from: number): Kept {
    const now = this.worlds.get(world.id);
    if (now && (now.from !== from || this.wornOut(now, world))) this.drop(world.id);
    const kept = this.worlds.get(world.id) ?? new Kept(from, world.epoch);
    this.worlds.delete(world.id);
    this.worlds.set(world.id, kept);
    return kept;
  }

  /**
   * A removal does not cost a fresh read of the whole world: what is found is looked up in the source until a tenth
   * of the rows may be gone.
   */
  private wornOut(kept: Kept, world: WorldVectors): boolean {
    const rows = kept.blocks.reduce((sum, block) => sum + block.count, 0);
    const removed = world.epoch - kept.epoch;
    return removed < 0 || removed > Math.max(64, rows / 10);
  }

  /** Reads what is new. Returns false when the arena has no room for it. */
  private extend(kept: Kept, world: WorldVectors, check: () => void): boolean {
    while (kept.covered < world.lastSeq) {
      let block = kept.blocks.at(-1);
      if (!block || block.room === 0) {
        const slab = this.slabFor(world.id);
        if (slab === undefined) return false;
        block = new Block(slab, this.shape);
        kept.blocks.push(block);
      }
      const rows = this.read(world.id, kept.covered, block.room);
      this.unreadable += block.append(this.arena, rows);
      kept.covered = rows.at(-1)?.seq ?? world.lastSeq;
      check();
    }
    return true;
  }

  /** A slab for a world; the world that was not used for longest gives way. */
  private slabFor(world: number): number | undefined {
    for (;;) {
      const slab = this.arena.take();
      if (slab !== undefined) return slab;
      const oldest = this.worlds.keys().next().value;
      if (oldest === undefined || oldest === world) return undefined;
      this.drop(oldest);
    }
  }

  private *streamed(world: number, from: number, check: () => void): Generator<Block> {
    for (let after = from; ; ) {
      this.stream.count = 0;
      let rows: VectorRow[] = [];
      while (this.stream.room > 0) {
        rows = this.read(world, after, this.stream.room);
        if (rows.length === 0) break;
        after = rows.at(-1)!.seq;
        this.unreadable += this.stream.append(this.arena, rows);
      }
      if (this.stream.count > 0) yield this.stream;
      if (rows.length === 0) return;
      check();
    }
  }

  private read(world: number, after: number, room: number): VectorRow[] {
    return this.source.scan(world, after, Math.min(room, BATCH));
  }
}
