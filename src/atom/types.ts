export const KINDS = ["observation", "reflection", "plan", "action", "message"] as const;
export type Kind = (typeof KINDS)[number];

export const LINK_KINDS = ["supersedes", "references", "confirms", "contradicts"] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

export interface Link {
  target: string;
  kind: LinkKind;
}

/** The caller's flag (and the trust rule's) that keeps an atom out of answers. */
export const QUARANTINE = "quarantine";
/** Set by the node on atoms accepted while its own clock was not to be believed. */
export const CLOCK_UNSURE = "clock:unsure";
/** The label that exempts an atom from retention. */
export const PIN = "pin";
/** Worlds that start with this belong to the node itself. */
export const RESERVED = "~";

/** An atom as it is answered, in the wire's field order. */
export interface Atom {
  id: string;
  world: string;
  worker: string;
  kind: Kind;
  timestamp: string;
  importance: number;
  payload_json: string;
  vector: number[] | null;
  flags: string[];
  labels: string[];
  links: Link[];
}

/**
 * A validated atom as it was sent: absent and null fields are left out, bare string links are references, and
 * keys stand in the order below, so that `JSON.stringify` of it is its canonical form whatever the encoding of
 * the request was.
 */
export interface NewAtom {
  id?: string;
  world: string;
  worker: string;
  kind: Kind;
  timestamp?: string;
  importance?: number;
  payload_json: string;
  vector?: number[];
  flags?: string[];
  labels?: string[];
  links?: Link[];
}

export interface AtomFilter {
  world?: string;
  worlds?: string[];
  kinds?: Kind[];
  labels?: string[];
  flags?: string[];
  workers?: string[];
  since?: string;
  until?: string;
  min_importance?: number;
  limit?: number;
}

export interface AskRequest {
  world: string;
  text: string;
  filter?: AtomFilter;
  limit?: number;
  explain?: boolean;
}

export interface ReplayRequest {
  world: string;
  filter?: AtomFilter;
  after?: string;
}

export const WORLD_ACTIONS = ["create", "archive", "resume", "delete"] as const;
export type WorldAction = (typeof WORLD_ACTIONS)[number];

export interface WorldRequest {
  action: WorldAction;
  world: string;
  description?: string;
  labels?: string[];
}

export interface PolicyRequest {
  world: string;
  retention_days?: number;
  min_importance?: number;
  replication_allow?: string[];
  replication_deny?: string[];
  max_bytes?: number;
}
