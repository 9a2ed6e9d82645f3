import { readFileSync, readlinkSync } from "node:fs";
import { errnoOf } from "../base/mod.ts";

/** What tells a process from a later one with the same PID. */
export interface Identity {
  pid: number;
  /** Start time in clock ticks since boot: field 22 of /proc/PID/stat. */
  start: string;
  /** The file that it runs. */
  executable: string;
}

/** Pause between two looks at a process that should end, ms. */
const LOOK_MS = 50;

/** The running process of that PID, or undefined when there is none (a zombie is none). */
export function identify(pid: number): Identity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the name in brackets and may hold anything, brackets and spaces included.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || state === "X") return undefined;
    const executable = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
    return { pid, start: fields[18]!, executable };
  } catch {
    // Gone, or another user's: not ours in either case.
    return undefined;
  }
}

/** Whether the recorded process still runs, and is the one that was recorded. */
export function isRunning(recorded: Identity): boolean {
  const now = identify(recorded.pid);
  return now !== undefined && now.start === recorded.start && now.executable === recorded.executable;
}

/**
 * Ends recorded processes: TERM to all, KILL to those that are left after `graceMs`.
 * @returns the PIDs that had to be killed.
 */
export async function endProcesses(recorded: readonly Identity[], graceMs: number): Promise<number[]> {
  for (const process of recorded) signal(process, "SIGTERM");
  const deadline = performance.now() + graceMs;
  let left = recorded.filter(isRunning);
  while (left.length > 0 && performance.now() < deadline) {
    await Bun.sleep(LOOK_MS);
    left = left.filter(isRunning);
  }
  const killed = left.map(({ pid }) => pid);
  for (const process of left) signal(process, "SIGKILL");
  while (left.some(isRunning)) await Bun.sleep(LOOK_MS);
  return killed;
}

/** Signals a process only while it is the recorded one. */
function signal(recorded: Identity, name: "SIGTERM" | "SIGKILL"): void {
  if (!isRunning(recorded)) return;
  try {
    process.kill(recorded.pid, name);
  } catch (error) {
    // It ended between the look and the signal.
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}
