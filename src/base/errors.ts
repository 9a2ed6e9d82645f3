/** One table of error codes: HTTP status and process exit code of each. */
const CODES = {
  invalid_input: { status: 400, exit: 2 },
  unauthenticated: { status: 401, exit: 4 },
  forbidden: { status: 403, exit: 4 },
  capability_denied: { status: 403, exit: 4 },
  importance_cap: { status: 403, exit: 4 },
  kind_not_allowed: { status: 403, exit: 4 },
  label_not_allowed: { status: 403, exit: 4 },
  world_archived: { status: 403, exit: 4 },
  not_found: { status: 404, exit: 3 },
  method_not_allowed: { status: 405, exit: 1 },
  conflict: { status: 409, exit: 1 },
  gone: { status: 410, exit: 3 },
  payload_too_large: { status: 413, exit: 2 },
  unsupported_media_type: { status: 415, exit: 2 },
  rate_limited: { status: 429, exit: 4 },
  read_only: { status: 503, exit: 4 },
  maintenance: { status: 503, exit: 4 },
  overloaded: { status: 503, exit: 1 },
  deadline_exceeded: { status: 503, exit: 1 },
  storage_error: { status: 503, exit: 1 },
  disk_full: { status: 507, exit: 7 },
  internal_error: { status: 500, exit: 1 },
  // process-level, never sent over HTTP by the node itself
  usage: { status: 400, exit: 2 },
  unreachable: { status: 503, exit: 5 },
  damaged: { status: 503, exit: 6 },
} as const;

export type ErrorCode = keyof typeof CODES;

export const ERROR_CODES = Object.keys(CODES) as ErrorCode[];

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(CODES, code);
}

export function statusOf(code: ErrorCode): number {
  return CODES[code].status;
}

export function exitOf(code: ErrorCode): number {
  return CODES[code].exit;
}

export interface FaultDetails {
  /** What was being done, e.g. "open database". */
  op?: string;
  /** The underlying error. */
  cause?: unknown;
  /** Seconds after which a retry makes sense. */
  retryAfter?: number;
  /** Another HTTP status than the code's. */
  status?: number;
}

/**
 * The one error type that crosses rooms. `message` is a sentence that says what happened, to what, and what
 * to do; `code` decides the HTTP status and the exit code.
 */
export class Fault extends Error {
  readonly code: ErrorCode;
  readonly op: string | undefined;
  readonly retryAfter: number | undefined;
  readonly status: number;

  constructor(code: ErrorCode, message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Fault";
    this.code = code;
    this.op = details.op;
    this.retryAfter = details.retryAfter;
    this.status = details.status ?? statusOf(code);
  }
}

/** The form in which a fault crosses a thread. */
export interface WireFault {
  code: ErrorCode;
  message: string;
  retryAfter?: number;
}

export function toWire(error: unknown): WireFault {
  const fault = asFault(error);
  return fault.retryAfter === undefined
    ? { code: fault.code, message: fault.message }
    : { code: fault.code, message: fault.message, retryAfter: fault.retryAfter };
}

export function fromWire(wire: WireFault): Fault {
  return new Fault(
    wire.code,
    wire.message,
    wire.retryAfter === undefined ? {} : { retryAfter: wire.retryAfter },
  );
}

/** Any thrown value as a Fault; what is not one already is a bug and becomes internal_error. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Fault("internal_error", message, { cause: error });
}

export function invalid(message: string): Fault {
  return new Fault("invalid_input", message);
}

/** A field that is missing or has a bad value, as the families under /api/v1 answer it: 422. */
export function unprocessable(message: string): Fault {
  return new Fault("invalid_input", message, { status: 422 });
}
