import { addVary } from "./headers.ts";

const ALLOWED_HEADERS = "Authorization, Content-Type, X-Session-ID, X-Request-ID, X-API-Key, X-Admin-Key";
const EXPOSED_HEADERS =
  "X-Request-Id, X-Next-After, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset";

/**
 * Cross-origin access for the configured origins; without any, nothing is ever added. It lives here, and not in the
 * framework's plug-in, because every answer carries it, those made before and outside of routing too.
 */
export class Cors {
  private readonly origins: ReadonlySet<string>;
  private readonly any: boolean;

  constructor(origins: readonly string[]) {
    this.origins = new Set(origins.map((origin) => origin.replace(/\/$/, "").toLowerCase()));
    this.any = this.origins.has("*");
  }

  /** Adds the headers of an answer. */
  decorate(request: Request, headers: Record<string, string>): void {
    if (this.origins.size === 0) return;
    addVary(headers, "Origin");
    const origin = this.allowed(request);
    if (origin === undefined) return;
    headers["Access-Control-Allow-Origin"] = origin;
    headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS;
  }

  /** Adds what a preflight asks for; `methods` is the Allow of the route. */
  preflight(request: Request, headers: Record<string, string>, methods: string): void {
    if (this.allowed(request) === undefined) return;
    headers["Access-Control-Allow-Methods"] = methods;
    headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS;
    headers["Access-Control-Max-Age"] = "600";
  }

  private allowed(request: Request): string | undefined {
    const origin = request.headers.get("origin");
    if (origin === null || this.origins.size === 0) return undefined;
    if (this.any) return "*";
    return this.origins.has(origin.toLowerCase()) ? origin : undefined;
  }
}
