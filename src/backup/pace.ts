import type { Kernel } from "./kernel.ts";

/**
 * Bytes that lie unwritten in the kernel's memory before they are written out. The node's fsync waits behind what a
 * step writes, 7 ms on a card of 10 MB a second; behind a file that is flushed at its end alone it would for seconds.
 */
const STEP_BYTES = 64 * 1024;
/** Rest after a step in terms of its time, in which the device is the node's alone. */
const RESTS = 2;

/** Writes a growing file out step by step, with a rest after each. */
export class Pace {
  private out = 0;

  constructor(
    private readonly kernel: Kernel,
    private readonly fd: number,
  ) {}

  /** Whether so much lies unwritten that it is time. @param bytes length of the file by now */
  due(bytes: number): boolean {
    return bytes - this.out >= STEP_BYTES;
  }

  /** @param bytes length of the file by now @param hurry takes no rest */
  async wrote(bytes: number, hurry = false): Promise<void> {
    if (!this.due(bytes)) return;
    const began = performance.now();
    this.kernel.writeOut(this.fd, this.out, bytes - this.out);
    this.out = bytes;
    if (!hurry) await Bun.sleep(RESTS * (performance.now() - began));
  }
}
