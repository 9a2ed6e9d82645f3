import type { Database } from "bun:sqlite";
import type { PolicyRequest } from "../atom/mod.ts";
import { bytesToId, Fault, newIdBytes } from "../base/mod.ts";
import type { WriteContext } from "./context.ts";
import { sumHolds } from "./rows.ts";
import { type Column, rowSum } from "./sums.ts";

/** A row of `policy`, columns in the order of the table. */
export interface PolicyRow {
  id: Uint8Array;
  /** A world's name, or `tenant:<id>` for all worlds `tenant:<id>/…`. */
  world: string;
  retention_days: number | null;
  min_importance: number | null;
  max_bytes: number | null;
  replication_allow: string | null;
  replication_deny: string | null;
  at_ms: number;
}

export const POLICY_COLUMNS = [
  "id",
  "world",
  "retention_days",
  "min_importance",
  "max_bytes",
  "replication_allow",
  "replication_deny",
  "at_ms",
] as const satisfies readonly (keyof PolicyRow)[];

const SELECT = `SELECT ${POLICY_COLUMNS.join(", ")}, sum FROM policy`;

function checked(row: PolicyRow & { sum: Uint8Array }): PolicyRow {
  if (!sumHolds("policy", POLICY_COLUMNS, row as unknown as Record<string, unknown>)) {
    throw new Fault(
      "storage_error",
      'a record of "policy" is damaged and is not applied; set the policy again',
    );
  }
  return row;
}

/** Sets a world's policy; it takes the place of the one before. @returns its id */
export function setPolicy(ctx: WriteContext, request: PolicyRequest): string {
  const id = newIdBytes(ctx.clock.now());
  const columns: Column[] = [
    id,
    request.world,
    request.retention_days ?? null,
    request.min_importance ?? null,
    request.max_bytes ?? null,
    request.replication_allow ? JSON.stringify(request.replication_allow) : null,
    request.replication_deny ? JSON.stringify(request.replication_deny) : null,
    ctx.clock.now(),
  ];
  ctx.db.query("DELETE FROM policy WHERE world = ?").run(request.world);
  ctx.db
    .query(
      `INSERT INTO policy(${POLICY_COLUMNS.join(", ")}, sum) VALUES(${columns.map(() => "?").join(", ")}, ?)`,
    )
    .run(...columns, rowSum("policy", columns));
  return bytesToId(id);
}

/** The tenant policy's name of a world `tenant:<id>/…`, if it is one. */
function tenantOf(world: string): string | undefined {
  const slash = world.indexOf("/");
  return world.startsWith("tenant:") && slash > 0 ? world.slice(0, slash) : undefined;
}

/** The policy that holds for a world: its own, else its tenant's. @throws Fault storage_error when it is damaged */
export function policyOf(db: Database, world: string): PolicyRow | undefined {
  for (const name of [world, tenantOf(world)]) {
    if (name === undefined) continue;
    const row = db.query<PolicyRow & { sum: Uint8Array }, [string]>(`${SELECT} WHERE world = ?`).get(name);
    if (row !== null) return checked(row);
  }
  return undefined;
}

export function anyPolicies(db: Database): boolean {
  return db.query("SELECT 1 FROM policy LIMIT 1").get() !== null;
}
