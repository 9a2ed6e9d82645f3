/** Which capability each route asks for, and a request that it takes. A route that is not here fails the matrix. */
import type { Capability } from "../../src/auth/mod.ts";
import { ATOM } from "./support.ts";

export interface Expected {
  capability: Capability;
  /** Sent as JSON. */
  body?: unknown;
}

const CONTROL = "/api/v1/control";

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
  "GET /api/v1/session": { capability: "read_worlds" },
  [`GET ${CONTROL}/flags`]: { capability: "admin" },
  [`GET ${CONTROL}/flags/:name`]: { capability: "admin" },
  [`PATCH ${CONTROL}/flags/:name`]: { capability: "admin", body: { enabled: true } },
  [`GET ${CONTROL}/emergency`]: { capability: "admin" },
  [`POST ${CONTROL}/emergency/panic`]: { capability: "admin", body: { level: "DEGRADED", reason: "a test" } },
  [`POST ${CONTROL}/emergency/recover`]: { capability: "admin", body: { level: "NONE" } },
  [`GET ${CONTROL}/emergency/events`]: { capability: "admin" },
  [`GET ${CONTROL}/circuits`]: { capability: "admin" },
  [`GET ${CONTROL}/circuits/:name`]: { capability: "admin" },
  [`POST ${CONTROL}/circuits/:name`]: { capability: "admin", body: { action: "reset" } },
  [`GET ${CONTROL}/secrets`]: { capability: "admin" },
  [`GET ${CONTROL}/secrets/keys`]: { capability: "admin" },
  [`GET ${CONTROL}/secrets/audit`]: { capability: "admin" },
};
