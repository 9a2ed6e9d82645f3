import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";
import { bundleRange, type Range } from "./elf.ts";

const MADV_DONTNEED = 4;
const PROT_READ = 1;

/** A mapping of a file with no page of its own: "start-end perms offset device inode path". */
const HEAD = /^([0-9a-f]+)-([0-9a-f]+) r-[x-][ps] \S+ \S+ [1-9]\d*\s/;
const ANONYMOUS = /^Anonymous:\s+(\d+) kB/;

/** Mappings of files that can only be read and hold no changed page (such as a relocated table would be). */
export function cleanFileRanges(smaps: string): Range[] {
  const ranges: Range[] = [];
  let range: Range | undefined;
  for (const line of smaps.split("\n")) {
    const changed = ANONYMOUS.exec(line)?.[1];
    if (changed === undefined) {
      const head = HEAD.exec(line);
      if (head) range = { start: Number.parseInt(head[1]!, 16), bytes: 0 };
      else if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) range = undefined;
      if (head) range!.bytes = Number.parseInt(head[2]!, 16) - range!.start;
      continue;
    }
    if (range && changed === "0") ranges.push(range);
    range = undefined;
  }
  return ranges;
}

/**
 * Gives pages of the executable and its libraries back: what was needed only to start, mostly. The kernel keeps them
 * in its page cache as long as memory lasts, and what is needed again comes back from there, a page fault each.
 *
 * The program itself, its bytecode and its model lie in a part of the executable that the loader maps for writing,
 * though nobody writes there. It is made read-only first, so that it qualifies and no change could be lost unseen.
 */
export class FilePages {
  private readonly libc;
  private readonly ranges: Range[];

  /** @throws what `dlopen` throws where there is no C library of that name or no compiler for the call */
  constructor() {
    this.libc = dlopen("libc.so.6", {
      getpagesize: { args: [], returns: "int" },
      madvise: { args: ["usize", "usize", "int"], returns: "int" },
      mprotect: { args: ["usize", "usize", "int"], returns: "int" },
    });
    const { getpagesize, mprotect } = this.libc.symbols;
    const bundle = bundleRange(process.execPath, readFileSync("/proc/self/maps", "latin1"), getpagesize());
    if (bundle) mprotect(bundle.start, bundle.bytes, PROT_READ);
    this.ranges = cleanFileRanges(readFileSync("/proc/self/smaps", "latin1"));
  }

  release(): void {
    for (const { start, bytes } of this.ranges) this.libc.symbols.madvise(start, bytes, MADV_DONTNEED);
  }
}
