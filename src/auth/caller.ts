import { Fault } from "../base/mod.ts";

export const CAPABILITIES = [
  "read_worlds",
  "write_worlds",
  "forget",
  "manage_worlds",
  "metrics",
  "admin",
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** Who sends a request, and what they may do. */
export interface Caller {
  /** Name of the key, or "anonymous". */
  readonly name: string;
  readonly admin: boolean;
  readonly anonymous: boolean;
  readonly capabilities: ReadonlySet<Capability>;
  /** World patterns as `allowsWorld` reads them. */
  readonly readWorlds: readonly string[];
  readonly writeWorlds: readonly string[];
  /** Highest importance that this caller may write, 0 to 1. */
  readonly importanceCap: number;
  /** Kinds of atoms that this caller may write; [] = all. */
  readonly kinds: readonly string[];
  /** Patterns of the labels that this caller may give; [] = all. */
  readonly labels: readonly string[];
  /** The one worker that this caller may write as; undefined = any. */
  readonly worker?: string | undefined;
  /** Patterns of the sessions of the memory family that this caller may use; [] = all. */
  readonly sessions: readonly string[];
  /** Atoms a second of this caller; 0 = as the node allows. */
  readonly rememberPerSec: number;
  /** Whether the caller's key was revoked; absent for those that cannot be. */
  readonly revoked?: (() => boolean) | undefined;
  /** Address of the client; behind a trusted proxy, the one that it reports. */
  readonly address: string;
  /** What shares rate limits and Idempotency-Keys: the key, else the address. */
  readonly bucket: string;
}

/** Worlds that start with this belong to the node; only an admin key sees them. */
const RESERVED = "~";

/** A pattern that no world matches, since world names are never empty: the empty list already means all. */
const NO_WORLD = "";

/** Whether a list of patterns lets `world` in: [] = all; else exact names and prefixes such as "sensor/*". */
export function allowsWorld(patterns: readonly string[], world: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => matches(pattern, world));
}

function matches(pattern: string, world: string): boolean {
  return pattern.endsWith("*") ? world.startsWith(pattern.slice(0, -1)) : world === pattern;
}

/** Patterns of the worlds that both lists allow. */
export function intersectWorlds(a: readonly string[], b: readonly string[]): string[] {
  if (a.length === 0) return [...b];
  if (b.length === 0) return [...a];
  const both = new Set<string>();
  for (const x of a) {
    for (const y of b) {
      if (within(x, y)) both.add(x);
      else if (within(y, x)) both.add(y);
    }
  }
  return both.size === 0 ? [NO_WORLD] : [...both];
}

/** Whether everything that `inner` matches is matched by `outer` too. */
function within(inner: string, outer: string): boolean {
  return inner === outer || (outer.endsWith("*") && inner.startsWith(outer.slice(0, -1)));
}

export function mayRead(caller: Caller, world: string): boolean {
  if (!caller.capabilities.has("read_worlds")) return false;
  return world.startsWith(RESERVED) ? caller.admin : allowsWorld(caller.readWorlds, world);
}

export function mayWrite(caller: Caller, world: string): boolean {
  if (!caller.capabilities.has("write_worlds")) return false;
  return world.startsWith(RESERVED) ? caller.admin : allowsWorld(caller.writeWorlds, world);
}

/** Whether a caller may use a session of the memory family. */
export function maySession(caller: Caller, session: string): boolean {
  return allowsWorld(caller.sessions, session);
}

/** @throws Fault capability_denied when the caller is bound to other sessions */
export function requireSession(caller: Caller, session: string): void {
  if (maySession(caller, session)) return;
  throw new Fault(
    "capability_denied",
    `the key "${caller.name}" may not use the session "${session}"; use one that may`,
  );
}

/** As much of an atom as decides who may write it. */
export interface Writing {
  world: string;
  worker: string;
  kind: string;
  importance?: number | undefined;
  labels?: readonly string[] | undefined;
}

/** Why the caller may not write an atom, or undefined when it may. */
export function writeRefusal(caller: Caller, atom: Writing): Fault | undefined {
  const { world, worker, kind, importance = 0.5, labels = [] } = atom;
  if (!mayWrite(caller, world)) {
    return new Fault("capability_denied", `the key may not write world "${world}"; use one that may`);
  }
  if (caller.worker !== undefined && worker !== caller.worker) {
    return new Fault(
      "capability_denied",
      `the key writes as the worker "${caller.worker}" only, not as "${worker}"`,
    );
  }
  if (importance > caller.importanceCap) {
    return new Fault(
      "importance_cap",
      `importance ${importance} is above the ${caller.importanceCap} allowed here; lower it`,
    );
  }
  if (caller.kinds.length > 0 && !caller.kinds.includes(kind)) {
    return new Fault("kind_not_allowed", `the key may write ${caller.kinds.join(", ")}, not "${kind}"`);
  }
  const label = labels.find((one) => !allowsWorld(caller.labels, one));
  if (label === undefined) return undefined;
  return new Fault(
    "label_not_allowed",
    `the key may not give the label ${JSON.stringify(label)}; leave it out`,
  );
}

/** Whether a caller may write every world whose name begins with `prefix`. */
export function mayWriteAll(caller: Caller, prefix: string): boolean {
  if (!caller.capabilities.has("write_worlds")) return false;
  return caller.writeWorlds.length === 0 || caller.writeWorlds.some((outer) => within(`${prefix}*`, outer));
}

/**
 * @throws Fault capability_denied when the caller lacks `capability`; forbidden when its key was revoked since the
 *   request began, as a stream notices
 */
export function requireCapability(caller: Caller, capability: Capability): void {
  if (caller.revoked?.())
    throw new Fault("forbidden", `the key "${caller.name}" was revoked; use another one`);
  if (caller.capabilities.has(capability)) return;
  throw new Fault(
    "capability_denied",
    caller.anonymous
      ? `this needs the capability ${capability}, which requests without a key do not have; send a key that has it`
      : `the key "${caller.name}" lacks the capability ${capability}; use a key that has it`,
  );
}
