import { Fault, formatTime, invalid, isId, LIMITS, utf8Length } from "../base/mod.ts";
import * as field from "./fields.ts";
import {
  AskRequestSchema,
  AtomFilterSchema,
  BatchRequestSchema,
  CURSOR,
  LinkSchema,
  NewAtomSchema,
  PolicyRequestSchema,
  ReplayRequestSchema,
  WorldRequestSchema,
} from "./schemas.ts";
import {
  type AskRequest,
  type AtomFilter,
  KINDS,
  LINK_KINDS,
  type Link,
  type NewAtom,
  type PolicyRequest,
  type ReplayRequest,
  WORLD_ACTIONS,
  type WorldRequest,
} from "./types.ts";

/** What a timestamp is measured against. */
export interface CheckContext {
  /** Wall clock, ms since the epoch. */
  now: number;
  /** Whether the node's clock is to be believed; if not, no timestamp is too far in the future. */
  clockSane: boolean;
}

const namesOf = (schema: { properties: object }): ReadonlySet<string> =>
  new Set(Object.keys(schema.properties));
const FIELDS = {
  atom: namesOf(NewAtomSchema),
  link: namesOf(LinkSchema),
  batch: namesOf(BatchRequestSchema),
  filter: namesOf(AtomFilterSchema),
  ask: namesOf(AskRequestSchema),
  replay: namesOf(ReplayRequestSchema),
  world: namesOf(WorldRequestSchema),
  policy: namesOf(PolicyRequestSchema),
};

/**
 * The normal form of an atom as a caller sent it: see `NewAtom`. Times become RFC 3339 UTC with milliseconds, ids
 * lower case, and the vector 32-bit floats, so equal contents are equal whatever their encoding.
 * @throws Fault invalid_input naming the field; payload_too_large for a payload over LIMITS.payloadBytes.
 */
export function checkNewAtom(value: unknown, context: CheckContext): NewAtom {
  const given = field.record(value, "an atom", FIELDS.atom);
  const { id, timestamp, importance, vector, flags, labels, links } = given;
  const atom = {} as NewAtom;
  // The order of these lines is the canonical order of the keys.
  if (present(id)) atom.id = uuid(id);
  atom.world = field.writableWorld(given.world);
  atom.worker = field.worker(given.worker);
  atom.kind = field.oneOfWords(given.kind, "kind", KINDS);
  if (present(timestamp) && timestamp !== "") atom.timestamp = moment(timestamp, context);
  if (present(importance)) atom.importance = field.share(importance, "importance");
  atom.payload_json = payload(given.payload_json);
  if (present(vector)) atom.vector = floats(vector);
  if (present(flags)) atom.flags = field.list(flags, "flags", field.label);
  if (present(labels)) atom.labels = field.list(labels, "labels", field.label);
  if (present(links)) atom.links = field.list(links, "links", link);
  return atom;
}

/**
 * The atoms of a batch, not yet checked one by one.
 * @throws Fault invalid_input
 */
export function checkBatchShape(value: unknown): unknown[] {
  const given = field.record(value, "a batch", FIELDS.batch);
  if (!present(given.atoms)) throw invalid("atoms is missing; it must be a list of atoms");
  return field.array(given.atoms, "atoms", LIMITS.batchAtoms);
}

/** @throws Fault invalid_input */
export function checkAsk(value: unknown): AskRequest {
  const given = field.record(value, "an ask", FIELDS.ask);
  const ask: AskRequest = {
    world: field.world(given.world),
    text: field.text(given.text, "text", 0, LIMITS.askTextChars),
  };
  if (present(given.filter)) ask.filter = filter(given.filter, ask.world);
  if (present(given.limit)) ask.limit = field.integer(given.limit, "limit", 1, LIMITS.askLimit);
  if (present(given.explain)) ask.explain = field.boolean(given.explain, "explain");
  return ask;
}

/** @throws Fault invalid_input */
export function checkReplay(value: unknown): ReplayRequest {
  const given = field.record(value, "a replay", FIELDS.replay);
  const replay: ReplayRequest = { world: field.world(given.world) };
  if (present(given.filter)) replay.filter = filter(given.filter, replay.world);
  if (present(given.after)) replay.after = cursor(given.after);
  return replay;
}

function cursor(value: unknown): string {
  if (typeof value === "string" && CURSOR.test(value)) return value;
  throw invalid("after must be the X-Next-After of an earlier page");
}

/** @throws Fault invalid_input */
export function checkWorld(value: unknown): WorldRequest {
  const given = field.record(value, "a world request", FIELDS.world);
  const request: WorldRequest = {
    action: field.oneOfWords(given.action, "action", WORLD_ACTIONS),
    world: field.writableWorld(given.world),
  };
  if (present(given.description)) {
    request.description = field.text(given.description, "description", 0, LIMITS.descriptionChars);
  }
  if (present(given.labels)) request.labels = field.list(given.labels, "labels", field.label);
  return request;
}

/** @throws Fault invalid_input, also when no field of the policy is set */
export function checkPolicy(value: unknown): PolicyRequest {
  const given = field.record(value, "a policy", FIELDS.policy);
  const { retention_days, min_importance, replication_allow, replication_deny, max_bytes } = given;
  const policy: PolicyRequest = { world: field.writableWorld(given.world) };
  if (present(retention_days)) policy.retention_days = days(retention_days);
  if (present(min_importance)) policy.min_importance = field.share(min_importance, "min_importance");
  if (asks(replication_allow)) {
    policy.replication_allow = field.list(replication_allow, "replication_allow", field.world);
  }
  if (asks(replication_deny)) {
    policy.replication_deny = field.list(replication_deny, "replication_deny", field.world);
  }
  if (present(max_bytes))
    policy.max_bytes = field.integer(max_bytes, "max_bytes", 1, Number.MAX_SAFE_INTEGER);
  if (Object.keys(policy).length === 1) {
    const names = [...FIELDS.policy].filter((each) => each !== "world").join(", ");
    throw invalid(`the policy sets nothing; give at least one of ${names}`);
  }
  return policy;
}

/** null means absent, everywhere. */
function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Whether a list asks for anything: clients of DWBase send an empty one where they ask for nothing in particular. */
function asks(list: unknown): boolean {
  return present(list) && !(Array.isArray(list) && list.length === 0);
}

function filter(value: unknown, asked: string): AtomFilter {
  const given = field.record(value, "filter", FIELDS.filter, "filter.");
  const { since, until, min_importance, limit } = given;
  const out: AtomFilter = {};
  if (present(given.world)) {
    out.world = field.world(given.world, "filter.world");
    if (out.world !== asked) throw otherWorld("filter.world", asked);
  }
  if (present(given.worlds)) {
    out.worlds = field.list(given.worlds, "filter.worlds", field.world);
    if (!out.worlds.includes(asked)) throw otherWorld("filter.worlds", asked);
  }
  if (asks(given.kinds)) {
    out.kinds = field.list(given.kinds, "filter.kinds", (kind, at) => field.oneOfWords(kind, at, KINDS));
  }
  if (asks(given.labels)) out.labels = field.list(given.labels, "filter.labels", field.label);
  if (asks(given.flags)) out.flags = field.list(given.flags, "filter.flags", field.label);
  if (asks(given.workers)) out.workers = field.list(given.workers, "filter.workers", field.worker);
  if (present(since)) out.since = formatTime(field.time(since, "filter.since"));
  if (present(until)) out.until = formatTime(field.time(until, "filter.until"));
  if (present(min_importance)) out.min_importance = field.share(min_importance, "filter.min_importance");
  if (present(limit)) out.limit = field.integer(limit, "filter.limit", 1, LIMITS.replayAtoms);
  return out;
}

function otherWorld(at: string, asked: string): Fault {
  return invalid(`${at} must contain the world asked in, ${field.describe(asked)}, or be left out`);
}

function uuid(value: unknown): string {
  if (typeof value === "string" && isId(value)) return value.toLowerCase();
  throw invalid(`id must be a UUID, got ${field.describe(value)}; leave it out to get a new one`);
}

function moment(value: unknown, context: CheckContext): string {
  const ms = field.time(value, "timestamp");
  if (context.clockSane && ms > context.now + LIMITS.futureMs) {
    throw invalid(
      `timestamp ${formatTime(ms)} is more than ${LIMITS.futureMs / 3_600_000} hours in the future; set the sender's clock`,
    );
  }
  return formatTime(ms);
}

function payload(value: unknown): string {
  if (typeof value !== "string") {
    if (!present(value)) throw invalid("payload_json is missing; it must be a string");
    throw invalid(`payload_json must be a string, got ${field.describe(value)}; send JSON as text`);
  }
  if (utf8Length(value) > LIMITS.payloadBytes) {
    throw new Fault(
      "payload_too_large",
      `payload_json has ${utf8Length(value)} bytes; at most ${LIMITS.payloadBytes} are allowed, so split it`,
    );
  }
  field.wellFormed(value, "payload_json");
  return value;
}

function floats(value: unknown): number[] {
  const given = field.array(value, "vector", LIMITS.vectorDimensions);
  if (given.length === 0) throw invalid("vector must not be empty; leave it out or send at least one number");
  const out = new Array<number>(given.length);
  for (let i = 0; i < given.length; i++) {
    const number = given[i];
    const rounded = typeof number === "number" ? Math.fround(number) : Number.NaN;
    if (!Number.isFinite(rounded)) {
      throw invalid(`vector[${i}] must be a finite 32-bit float, got ${field.describe(number)}`);
    }
    out[i] = rounded + 0; // minus zero becomes zero, as in JSON text
  }
  return out;
}

function link(value: unknown, at: string): Link {
  if (typeof value === "string") return { target: target(value, at), kind: "references" };
  const given = field.record(value, at, FIELDS.link, `${at}.`);
  return {
    target: target(given.target, `${at}.target`),
    kind: field.oneOfWords(given.kind, `${at}.kind`, LINK_KINDS),
  };
}

/** Ids are answered in lower case, so links to them are kept that way. */
function target(value: unknown, at: string): string {
  const checked = field.label(value, at);
  return isId(checked) ? checked.toLowerCase() : checked;
}

function days(value: unknown): number {
  if (typeof value === "number" && value > 0 && value <= LIMITS.retentionDays) return value;
  throw invalid(
    `retention_days must be a number over 0 and at most ${LIMITS.retentionDays}, got ${field.describe(value)}`,
  );
}
