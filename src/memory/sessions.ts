import type { Database } from "bun:sqlite";
import { Fault, idToBytes } from "../base/mod.ts";
import { findSubject, headOf, WORLD_STATES, type WorldRow } from "../storage/mod.ts";
import { FAMILY_OF, type Held } from "./records.ts";
import type { FamilyName } from "./requests.ts";

const PREFIX = "~ww:";

/** The world that a session's memories lie in. */
export function worldName(session: string): string {
  return PREFIX + session;
}

/** The session of such a world; undefined for any other. */
export function sessionOfWorld(world: string): string | undefined {
  return world.startsWith(PREFIX) ? world.slice(PREFIX.length) : undefined;
}

export function absent(family: FamilyName, id: string): Fault {
  return new Fault("not_found", `there is no ${family} ${id} in this session; check the id and X-Session-ID`);
}

/**
 * A thing of a session by its id.
 * @throws Fault not_found, also for another session's or another family's; storage_error when it is damaged
 */
export function find(db: Database, world: WorldRow | undefined, family: FamilyName, id: string): Held {
  const subject = world && findSubject({ db }, idToBytes(id));
  if (!subject || subject.world !== world.id || subject.family !== FAMILY_OF[family])
    throw absent(family, id);
  return { subject, row: headOf(db, subject) };
}

/** @throws Fault world_archived: the session can be read and not be written to */
export function requireOpen(world: WorldRow): void {
  if (WORLD_STATES[world.state] === "active") return;
  throw new Fault("world_archived", `the session's world "${world.name}" is archived; resume it first`);
}
