import { atomicWrite, giveToOwnerOf, layout } from "../base/mod.ts";
import type { HealthCheck } from "../engine/mod.ts";

/** `<data_dir>/check-status.json`: what the last `dwbase storage check` of this database found. */
export interface CheckStatus {
  /** RFC 3339. */
  checked_at: string;
  /** Every checksum and index entry was looked at, not the structure alone. */
  deep: boolean;
  /** Damaged places. */
  findings: number;
}

/** For the health of a node, which may be at work meanwhile. @throws Fault storage_error or disk_full */
export function noteCheck(dataDir: string, status: CheckStatus): void {
  const path = layout(dataDir).checkStatus;
  atomicWrite(path, `${JSON.stringify(status, null, 2)}\n`, 0o644);
  giveToOwnerOf(dataDir, path);
}

/** The content of a status file; undefined when it is absent or cannot be read. */
export function checkStatusOf(text: string | undefined): CheckStatus | undefined {
  try {
    const { checked_at, deep, findings } = JSON.parse(text ?? "{}") as Partial<CheckStatus>;
    if (typeof checked_at !== "string" || typeof findings !== "number") return undefined;
    return { checked_at, deep: deep === true, findings };
  } catch {
    return undefined;
  }
}

export function databaseCheck(last: CheckStatus | undefined): HealthCheck {
  const name = "database";
  if (!last) {
    const message = "the database was not checked as a whole yet; dwbase storage check --deep does it";
    return { name, status: "ok", message };
  }
  const { checked_at, deep, findings } = last;
  const when = `the ${deep ? "deep " : ""}check of ${checked_at} found`;
  return findings === 0
    ? { name, status: "ok", message: `${when} nothing` }
    : {
        name,
        status: "warning",
        message: `${when} ${findings} damaged places; stop the node and run dwbase storage repair`,
      };
}
