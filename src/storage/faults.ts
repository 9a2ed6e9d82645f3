import { Fault, type FaultDetails, fileFault } from "../base/mod.ts";

/** What is stored is damaged: refused with a sentence, while all else goes on. Told by /health. */
export class Damage extends Fault {
  constructor(message: string, details: FaultDetails = {}) {
    super("storage_error", message, details);
  }
}

function sqliteCode(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
}

/** Whether the device failed, in SQLite's hands or our own: the outcome of a running commit is then unknown. */
export function isIoError(cause: unknown): boolean {
  const code = sqliteCode(cause);
  return code.startsWith("SQLITE_IOERR") || code === "EIO";
}

/** Whether SQLite met a page that is not in order. */
export function isCorrupt(cause: unknown): boolean {
  return sqliteCode(cause).startsWith("SQLITE_CORRUPT");
}

/** What `ask` says; `otherwise` where it meets a page that is not in order. */
export function unlessCorrupt<T>(ask: () => T, otherwise: (cause: unknown) => T): T {
  try {
    return ask();
  } catch (cause) {
    if (!isCorrupt(cause)) throw cause;
    return otherwise(cause);
  }
}

export function isReadOnly(cause: unknown): boolean {
  return sqliteCode(cause).startsWith("SQLITE_READONLY");
}

export function isDiskFull(cause: unknown): boolean {
  return sqliteCode(cause) === "SQLITE_FULL" || (cause instanceof Fault && cause.code === "disk_full");
}

/** An error of SQLite or of the file system as a sentence with a code; any other stays as it is. */
export function sqliteFault(op: string, cause: unknown, what = "the database"): unknown {
  if (cause instanceof Error && "syscall" in cause) return fileFault(op, what, cause);
  const code = sqliteCode(cause);
  if (!code.startsWith("SQLITE_")) return cause;
  const details = { op, cause };
  if (code === "SQLITE_FULL") {
    return new Fault(
      "disk_full",
      `the disk is full: ${op} changed nothing; free some space or forget memories`,
      {
        ...details,
        retryAfter: 30,
      },
    );
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new Fault("overloaded", `${what} is busy; try again`, { ...details, retryAfter: 1 });
  }
  if (isCorrupt(cause) || code === "SQLITE_NOTADB") {
    return new Damage(`${what} is damaged; stop the node and run "dwbase storage repair"`, details);
  }
  if (code.startsWith("SQLITE_IOERR")) {
    return new Fault(
      "storage_error",
      `the disk failed during ${op} (${code}); check the device, then try again`,
      {
        ...details,
        retryAfter: 5,
      },
    );
  }
  if (code === "SQLITE_CANTOPEN" || code.startsWith("SQLITE_READONLY") || code === "SQLITE_PERM") {
    return new Fault(
      "storage_error",
      `${what} cannot be opened for ${op}; check that the directory is writable`,
      details,
    );
  }
  return cause;
}
