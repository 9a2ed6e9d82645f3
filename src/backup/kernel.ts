import type { FFIFunction } from "bun:ffi";
import { readdirSync } from "node:fs";

const POSIX_FADV_DONTNEED = 4;
/** SYNC_FILE_RANGE_WAIT_BEFORE | WRITE | WAIT_AFTER: on return the device has the bytes. */
const WRITE_OUT = 1 | 2 | 4;
const SCHED_IDLE = 5;
const IOPRIO_WHO_PROCESS = 1;
const IOPRIO_IDLE = 3 << 13;
/** Numbers of the system call ioprio_set, for which libc has no function. */
const IOPRIO_SET: Partial<Record<NodeJS.Architecture, number>> = { x64: 251, arm64: 30 };

const SYMBOLS = {
  posix_fadvise: { args: ["i32", "i64", "i64", "i32"], returns: "i32" },
  sync_file_range: { args: ["i32", "i64", "i64", "u32"], returns: "i32" },
  sched_setscheduler: { args: ["i32", "i32", "ptr"], returns: "i32" },
  syscall: { args: ["i64", "i64", "i64", "i64"], returns: "i64" },
} as const satisfies Record<string, FFIFunction>;

type Calls = { [name in keyof typeof SYMBOLS]: (...args: (number | Int32Array)[]) => number | bigint };

/** What a backup asks of the kernel so that the node feels little of it. */
export class Kernel {
  private constructor(private readonly calls: Calls | undefined) {}

  /** Where there is no libc of that name nothing can be asked for: all of it is manners, none of it is needed. */
  static async open(): Promise<Kernel> {
    try {
      const { dlopen } = await import("bun:ffi");
      return new Kernel(dlopen("libc.so.6", SYMBOLS).symbols as unknown as Calls);
    } catch {
      return new Kernel(undefined);
    }
  }

  /**
   * From now on every thread of this process has the processor and the disk only when nobody else wants them. For what
   * nobody waits for: the copy of the database keeps the node's log from being folded and has to end.
   */
  stepBack(): void {
    const noPriority = new Int32Array(1);
    const ioprio = IOPRIO_SET[process.arch];
    for (const thread of this.calls ? readdirSync("/proc/self/task").map(Number) : []) {
      this.calls?.sched_setscheduler(thread, SCHED_IDLE, noPriority);
      if (ioprio !== undefined) this.calls?.syscall(ioprio, IOPRIO_WHO_PROCESS, thread, IOPRIO_IDLE);
    }
  }

  /** Has the kernel give bytes of a file to the device, and waits until it has them. They are not safe yet: no fsync. */
  writeOut(fd: number, at: number, bytes: number): void {
    this.calls?.sync_file_range(fd, at, bytes, WRITE_OUT);
  }

  /**
   * Has the kernel let go of what it keeps of a synced file in memory, so that reading it back reads the device. Where
   * that cannot be asked for, the reading shows only what the kernel took.
   */
  uncache(fd: number): void {
    this.calls?.posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  }
}
