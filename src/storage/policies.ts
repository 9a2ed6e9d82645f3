import type { Database } from "bun:sqlite";
import type { PolicyRequest } from "../atom/mod.ts";
import { bytesToId, newIdBytes } from "../base/mod.ts";
import type { WriteContext } from "./context.ts";
import { TruthTable } from "./truth-table.ts";

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

export const POLICY = new TruthTable<PolicyRow>("policy", {
  columns: [
    "id",
    "world",
    "retention_days",
    "min_importance",
    "max_bytes",
    "replication_allow",
    "replication_deny",
    "at_ms",
  ],
  key: ["id"],
});

const DAMAGED = 'a record of "policy" is damaged and is not applied; set the policy again';

/** Sets a world's policy; it takes the place of the one before. @returns its id */
export function setPolicy(ctx: WriteContext, request: PolicyRequest): string {
  const id = newIdBytes(ctx.clock.now());
  const row = {
    id,
    world: request.world,
    retention_days: request.retention_days ?? null,
    min_importance: request.min_importance ?? null,
    max_bytes: request.max_bytes ?? null,
    replication_allow: request.replication_allow ? JSON.stringify(request.replication_allow) : null,
    replication_deny: request.replication_deny ? JSON.stringify(request.replication_deny) : null,
    at_ms: ctx.clock.now(),
  };
  ctx.db.query("DELETE FROM policy WHERE world = ?").run(request.world);
  ctx.db.query(POLICY.put).run(...POLICY.values(ctx.db, row));
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
    const row = db.query<PolicyRow, [string]>(`${POLICY.select} WHERE world = ?`).get(name);
    if (row !== null) return POLICY.open(db, row, DAMAGED);
  }
  return undefined;
}

export function anyPolicies(db: Database): boolean {
  return db.query("SELECT 1 FROM policy LIMIT 1").get() !== null;
}
