/** Whether this program runs as the one executable, not from source. */
export function isExecutable(): boolean {
  return Bun.main.startsWith("/$bunfs/");
}

/** The command that runs this program: the executable itself, or the runtime with the main file. */
export function ownCommand(): string[] {
  return isExecutable() ? [process.execPath] : [process.execPath, Bun.main];
}

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** From now on this process ends when the one that started it does, however that ends. */
export async function endWithParent(): Promise<void> {
  const { dlopen } = await import("bun:ffi");
  try {
    const libc = dlopen("libc.so.6", { prctl: { args: ["i32", "u64"], returns: "i32" } });
    libc.symbols.prctl(PR_SET_PDEATHSIG, SIGKILL);
    libc.close();
  } catch {
    // no libc of that name: the parent's own watch has to do
  }
  // it may have ended before it could be said
  if (process.ppid === 1) process.exit(1);
}
