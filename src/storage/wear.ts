import type { Database } from "bun:sqlite";
import { type Clock, LIMITS, writtenBytes } from "../base/mod.ts";
import { readNumber, writeNumber } from "./meta.ts";

/** What a node did to the card under its data directory in a day of running, on average since the first. */
export interface Wear {
  written_bytes_per_day: number;
  fsyncs_per_day: number;
}

const WRITTEN = "wear_written_bytes";
const FSYNCS = "wear_fsyncs";
const RUNNING = "wear_running_ms";
const DAY_MS = 24 * 3600 * 1000;
/** Of less running no daily figure is made. */
const LEAST_MS = 60_000;

function wearOf(written: number, fsyncs: number, ms: number): Wear {
  const days = Math.max(ms, LEAST_MS) / DAY_MS;
  return { written_bytes_per_day: Math.round(written / days), fsyncs_per_day: Math.round(fsyncs / days) };
}

/** The wear that was noted last. */
export function notedWear(db: Database): Wear {
  return wearOf(readNumber(db, WRITTEN), readNumber(db, FSYNCS), readNumber(db, RUNNING));
}

/** Counts the wear of the card and notes it now and then: a note that is lost with a power cut costs nothing. */
export class WearLog {
  private at: number;
  private written = writtenBytes();
  private fsyncs = 0;

  constructor(private readonly clock: Clock) {
    this.at = clock.monotonic();
  }

  get due(): boolean {
    return this.clock.monotonic() - this.at >= LIMITS.wearNoteMs;
  }

  /** @param fsyncs since the writer began */
  now(db: Database, fsyncs: number): Wear {
    return wearOf(
      readNumber(db, WRITTEN) + writtenBytes() - this.written,
      readNumber(db, FSYNCS) + fsyncs - this.fsyncs,
      readNumber(db, RUNNING) + this.clock.monotonic() - this.at,
    );
  }

  /** Notes what came since the last time, in a running transaction. */
  note(db: Database, fsyncs: number): void {
    const [at, written] = [this.clock.monotonic(), writtenBytes()];
    writeNumber(db, WRITTEN, readNumber(db, WRITTEN) + written - this.written);
    writeNumber(db, FSYNCS, readNumber(db, FSYNCS) + fsyncs - this.fsyncs);
    writeNumber(db, RUNNING, Math.round(readNumber(db, RUNNING) + at - this.at));
    [this.at, this.written, this.fsyncs] = [at, written, fsyncs];
  }
}
