import { LIMITS, MB } from "../base/mod.ts";
import { LANES, plainScan, type Scan, simdScan } from "./kernel.ts";

const PAGE = 65_536;
/** Rows are kept and scanned in pieces of this size. */
export const SLAB_BYTES = MB;

const QUERY = 0;
const DOTS = LIMITS.vectorDimensions;
const CONTROL = Math.ceil((DOTS + (SLAB_BYTES / LANES) * 4) / PAGE) * PAGE;

/**
 * The memory that vectors are scanned in: room for a query and its dot products, then slabs of 1 MiB. It grows as
 * slabs are taken, up to its bound, and keeps what was given back for the next taker.
 */
export class Arena {
  private readonly memory: WebAssembly.Memory;
  private readonly scanRows: Scan;
  private readonly free: number[] = [];
  private used = 0;

  /** @param slabs how many there may be at once */
  constructor(
    private readonly slabs: number,
    scan: (memory: WebAssembly.Memory) => Scan = (memory) => simdScan(memory) ?? plainScan(memory),
  ) {
    this.memory = new WebAssembly.Memory({
      initial: CONTROL / PAGE,
      maximum: (CONTROL + slabs * SLAB_BYTES) / PAGE,
    });
    this.scanRows = scan(this.memory);
  }

  /** A slab of unknown content, or undefined when all are taken. */
  take(): number | undefined {
    const again = this.free.pop();
    if (again !== undefined) return again;
    if (this.used === this.slabs) return undefined;
    this.memory.grow(SLAB_BYTES / PAGE);
    this.used += 1;
    return this.used - 1;
  }

  give(slab: number): void {
    this.free.push(slab);
  }

  /** The bytes of a slab, valid until the next `take`. */
  bytes(slab: number): Int8Array {
    return new Int8Array(this.memory.buffer, CONTROL + slab * SLAB_BYTES, SLAB_BYTES);
  }

  setQuery(query: Int8Array, stride: number): void {
    const bytes = new Int8Array(this.memory.buffer, QUERY, stride);
    bytes.fill(0);
    bytes.set(query);
  }

  /** Dot products of the query with the first rows of a slab, valid until the next scan or `take`. */
  dots(slab: number, rows: number, stride: number): Int32Array {
    const at = CONTROL + slab * SLAB_BYTES;
    if (rows > 0) this.scanRows(at, at + rows * stride, stride, QUERY, DOTS);
    return new Int32Array(this.memory.buffer, DOTS, rows);
  }
}
