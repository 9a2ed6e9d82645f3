/** Which capability each route asks for, and a request that it takes. A route that is not here fails the matrix. */
import type { Capability } from "../../src/auth/mod.ts";
import { ATOM, ID } from "./support.ts";

export interface Expected {
  capability: Capability;
  /** Sent as JSON. */
  body?: unknown;
  /** What who may gets, where it is not the route's good answer. */
  status?: number;
  /** An admin key beside the API key is asked for: without it 401, not 403. */
  second?: true;
}

/** Routes that ask nobody for a key. */
export const EXEMPT: readonly string[] = [
  "GET /",
  "GET /api/v1/health",
  "GET /docs",
  "GET /health",
  "GET /healthz",
  "GET /openapi.json",
  "GET /readyz",
  "GET /redoc",
];

const CONTROL = "/api/v1/control";
const API = "/api/v1";
const READ: Expected = { capability: "read_worlds" };
const WRITE: Expected = { capability: "write_worlds" };
const ENTITY = { name: "pump", entity_type: "TOOL", summary: "It moves water." };
const RELATION = { source_id: ID, target_id: ID, relation_type: "USES" };

export const ACCESS: Record<string, Expected> = {
  "POST /remember": { capability: "write_worlds", body: ATOM },
  "POST /remember/batch": { capability: "write_worlds", body: { atoms: [ATOM] } },
  "POST /ask": { capability: "read_worlds", body: { world: "w", text: "what" } },
  "POST /replay": { capability: "read_worlds", body: { world: "w" } },
  "GET /atoms/:id": { capability: "read_worlds" },
  "DELETE /atoms/:id": { capability: "forget" },
  "GET /worlds": { capability: "read_worlds" },
  "POST /worlds/manage": { capability: "manage_worlds", body: { action: "create", world: "w" } },
  "POST /worlds/policy": { capability: "manage_worlds", body: { world: "w", retention_days: 3 } },
  "GET /index/status": { capability: "read_worlds" },
  "GET /metrics": { capability: "metrics" },
  "POST /keys": { capability: "admin", body: { name: "made" } },
  "GET /keys": { capability: "admin" },
  "DELETE /keys/:id": { capability: "admin" },
  [`GET ${API}/session`]: READ,
  [`GET ${API}/stats`]: READ,
  [`POST ${API}/consolidate`]: { capability: "admin", body: { deep: true }, second: true },
  [`POST ${API}/import`]: { ...WRITE, body: {} },
  [`POST ${API}/episodes`]: { ...WRITE, body: { content: "It rained." } },
  [`GET ${API}/episodes`]: READ,
  [`POST ${API}/episodes/recall`]: { ...READ, body: { query: "rain" } },
  [`POST ${API}/episodes/feedback`]: {
    ...WRITE,
    body: { episode_ids: [ID], query: "rain", outcome_score: 1 },
  },
  [`GET ${API}/episodes/learning-stats`]: READ,
  [`GET ${API}/episodes/:id`]: READ,
  [`PUT ${API}/episodes/:id`]: { ...WRITE, body: { outcome: "success" } },
  [`POST ${API}/episodes/:id/mark-important`]: WRITE,
  [`DELETE ${API}/episodes/:id`]: { capability: "forget" },
  [`POST ${API}/entities`]: { ...WRITE, body: ENTITY },
  [`GET ${API}/entities`]: READ,
  [`POST ${API}/entities/relations`]: { ...WRITE, body: RELATION },
  [`POST ${API}/entities/recall`]: { ...READ, body: { query: "water" } },
  [`POST ${API}/entities/spread-activation`]: { ...READ, body: { entity_id: ID } },
  [`POST ${API}/entities/feedback`]: { ...WRITE, body: { entity_ids: [ID], outcome_score: 1 } },
  [`GET ${API}/entities/:id`]: READ,
  [`PUT ${API}/entities/:id`]: { ...WRITE, body: { summary: "It is broken." } },
  [`POST ${API}/entities/:id/supersede`]: { ...WRITE, body: ENTITY },
  [`GET ${API}/entities/:id/relations`]: READ,
  [`DELETE ${API}/entities/:id`]: { capability: "forget" },
  [`POST ${API}/skills`]: { ...WRITE, body: { name: "prime", domain: "devops", task: "Prime the pump." } },
  [`GET ${API}/skills`]: READ,
  [`POST ${API}/skills/recall`]: { ...READ, body: { query: "pump" } },
  [`GET ${API}/skills/how-to/:query+`]: READ,
  [`GET ${API}/skills/:id`]: READ,
  [`PUT ${API}/skills/:id`]: { ...WRITE, body: { script: "prime.sh" } },
  [`POST ${API}/skills/:id/execute`]: { ...WRITE, body: { success: true } },
  [`POST ${API}/skills/:id/deprecate`]: WRITE,
  [`DELETE ${API}/skills/:id`]: { capability: "forget" },
  [`GET ${CONTROL}/flags`]: { capability: "admin" },
  [`GET ${CONTROL}/flags/:name`]: { capability: "admin" },
  [`PATCH ${CONTROL}/flags/:name`]: { capability: "admin", body: { enabled: true } },
  [`GET ${CONTROL}/emergency`]: { capability: "admin" },
  [`POST ${CONTROL}/emergency/panic`]: { capability: "admin", body: { level: "DEGRADED", reason: "a test" } },
  // there is nothing to recover from
  [`POST ${CONTROL}/emergency/recover`]: { capability: "admin", body: { level: "NONE" }, status: 409 },
  [`GET ${CONTROL}/emergency/events`]: { capability: "admin" },
  [`GET ${CONTROL}/circuits`]: { capability: "admin" },
  [`GET ${CONTROL}/circuits/:name`]: { capability: "admin" },
  [`POST ${CONTROL}/circuits/:name`]: { capability: "admin", body: { action: "reset" } },
  [`GET ${CONTROL}/secrets`]: { capability: "admin" },
  [`GET ${CONTROL}/secrets/keys`]: { capability: "admin" },
  [`GET ${CONTROL}/secrets/audit`]: { capability: "admin" },
};
