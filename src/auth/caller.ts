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

/** @throws Fault capability_denied when the caller lacks `capability`. */
export function requireCapability(caller: Caller, capability: Capability): void {
  if (caller.capabilities.has(capability)) return;
  throw new Fault(
    "capability_denied",
    caller.anonymous
      ? `this needs the capability ${capability}, which requests without a key do not have; send a key that has it`
      : `the key "${caller.name}" lacks the capability ${capability}; use a key that has it`,
  );
}
