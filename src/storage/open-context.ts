import type { Database } from "bun:sqlite";
import type { Clock, Layout } from "../base/mod.ts";
import { TEXT_VERSION } from "../text/mod.ts";
import { noTally, type Tally, type WriteContext } from "./context.ts";
import { settleLog } from "./copies.ts";
import type { DiskBudget } from "./disk-budget.ts";
import { sqliteFault } from "./faults.ts";
import { identity, readNumber } from "./meta.ts";
import { openForWrite } from "./open.ts";
import type { Reserve } from "./reserve.ts";
import { TextIndex } from "./text-index.ts";
import { Threads } from "./threads.ts";
import { VectorRows } from "./vector-rows.ts";
import { WorldCache } from "./worlds.ts";
import type { WriterOptions } from "./writer-types.ts";

/** What outlives a connection. */
interface Lasting {
  place: Layout;
  clock: Clock;
  reserve: Reserve;
  budget: DiskBudget;
}

/** Opens the write connection with all that its operations share. @throws Fault see `openForWrite` */
export function openContext({ place, ...lasting }: Lasting, options: WriterOptions): WriteContext {
  const mended = settleLog(place);
  const db = openForWrite(place, options.migrations, options.keyring);
  try {
    const now = lasting.clock.now();
    const identityOf = db.transaction(() => identity(db, now, TEXT_VERSION));
    const known = identityOf.immediate();
    const text = new TextIndex(db);
    return {
      ...lasting,
      db,
      identity: known,
      worlds: new WorldCache(db),
      text,
      vectors: new VectorRows(db, options.vectors),
      threads: new Threads(db, text),
      head: headOf(db),
      tally: noTally(),
      mended,
    };
  } catch (cause) {
    db.close();
    throw sqliteFault("open database", cause, place.database);
  }
}

/** The highest sequence ever given. */
function headOf(db: Database): number {
  const atom = db.query<{ n: number | null }, []>("SELECT max(seq) AS n FROM atom").get()!.n ?? 0;
  const world = db.query<{ n: number | null }, []>("SELECT max(last_seq) AS n FROM world").get()!.n ?? 0;
  return Math.max(atom, world, readNumber(db, "seq_floor"));
}

/** What the worlds count together. */
export function countAtoms(db: Database): Tally {
  const sums = db
    .query<Pick<Tally, "atoms" | "quarantined">, []>(
      "SELECT ifnull(sum(atoms), 0) AS atoms, ifnull(sum(quarantined), 0) AS quarantined FROM world",
    )
    .get()!;
  return { ...noTally(), ...sums };
}

/** Rows changed on a connection since it was opened. */
export function totalChanges(db: Database): number {
  return db.query<{ n: number }, []>("SELECT total_changes() AS n").get()!.n;
}
