import { readdirSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { KB, MB } from "../base/mod.ts";

/** RAM budget in bytes: as configured (node.limits.max_ram_mb), else a quarter of the machine's, from 128 to 512 MB. */
export function ramBudget(maxRamMb: number): number {
  return maxRamMb > 0 ? maxRamMb * MB : Math.max(128 * MB, Math.min(512 * MB, Math.floor(totalmem() / 4)));
}

/** Resident memory by kind, as the kernel counts it; all 0 where /proc does not tell. */
export interface Resident {
  /** Heaps, stacks, shared memory: nobody else has it. */
  own: number;
  /** Pages of files, mostly the executable: shared, and the kernel's to take back. */
  file: number;
}

const RSS = /^RssAnon:\s+(\d+) kB\nRssFile:\s+(\d+) kB\nRssShmem:\s+(\d+) kB/m;

function residentOf(pid: string): Resident {
  try {
    const [, anon, file, shared] = RSS.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    return { own: (Number(anon ?? 0) + Number(shared ?? 0)) * KB, file: Number(file ?? 0) * KB };
  } catch {
    return { own: 0, file: 0 };
  }
}

/** Resident memory of this process, all its threads included. */
export function resident(): Resident {
  return residentOf("self");
}

function childrenOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "latin1")
        .split(" ")
        .filter((child) => child !== ""),
    );
  } catch {
    // a child that has just ended, or a kernel that does not list them
    return [];
  }
}

/** What the children of this process have for themselves; file pages are shared with it and count once. */
export function childrenBytes(): number {
  return childrenOf("self").reduce((sum, pid) => sum + residentOf(pid).own, 0);
}
