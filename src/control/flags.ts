/** What a flag is, apart from how it is set. */
interface FlagSpec {
  readonly name: string;
  /** What it does when it is on, and honestly nothing where it does nothing. */
  readonly description: string;
  /** The part of the node that consults it. */
  readonly owner: string;
  /** Whether it is on when nobody says otherwise. */
  readonly enabled: boolean;
}

/** Every flag of the node, in the order of listings. */
export const FLAGS = [
  {
    name: "api_rate_limiting",
    description: "Requests pay from the token buckets of their key or address.",
    owner: "auth",
    enabled: true,
  },
  {
    name: "read_only_mode",
    description: "Whatever would write is refused with 503 read_only, and background work rests.",
    owner: "control",
    enabled: false,
  },
  {
    name: "maintenance_mode",
    description: "Every request but health and control is refused with 503 maintenance.",
    owner: "control",
    enabled: false,
  },
  {
    name: "telemetry",
    description: "Traces are made and sent where telemetry.otel_enabled asks for it.",
    owner: "telemetry",
    enabled: true,
  },
  {
    name: "three_factor_learning",
    description:
      "Feedback changes memories by eligibility, surprise and outcome; when off, each change is taken whole.",
    owner: "memory",
    enabled: true,
  },
  {
    name: "lability_window",
    description:
      "More feedback within six hours tells of the same recall and strengthens once; when off, each is a review.",
    owner: "memory",
    enabled: true,
  },
  {
    name: "memory_consolidation",
    description: "Sessions are consolidated in quiet moments; the request for it works in any case.",
    owner: "memory",
    enabled: true,
  },
  {
    name: "ff_encoder",
    description: "Accepted for programs that set it; nothing in this node depends on it.",
    owner: "none",
    enabled: true,
  },
  {
    name: "capsule_encoding",
    description: "Accepted for programs that set it; nothing in this node depends on it.",
    owner: "none",
    enabled: true,
  },
] as const satisfies readonly FlagSpec[];

export type FlagName = (typeof FLAGS)[number]["name"];

/** How a flag is set. */
export interface FlagSetting {
  enabled: boolean;
  /** Part of the units (sessions, else keys or addresses) for which an enabled flag is on, 0 to 100. */
  rollout_percentage: number;
}

export function isFlagName(name: string): name is FlagName {
  return FLAGS.some((flag) => flag.name === name);
}
