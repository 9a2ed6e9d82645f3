/** Headers of an answer in the making. */
export type HeaderMap = Record<string, string>;

/** Adds names to the Vary header. */
export function addVary(headers: HeaderMap, names: string): void {
  headers.Vary = headers.Vary === undefined ? names : `${headers.Vary}, ${names}`;
}

/** A year, as browsers want it at least. */
const HSTS_S = 31_536_000;

/**
 * Headers of every answer: nothing is guessed, kept, framed or told on. HSTS where the node itself speaks TLS.
 * The pages of /docs set a policy of their own.
 */
export function securityHeaders(tls: boolean): Readonly<HeaderMap> {
  return {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    ...(tls ? { "Strict-Transport-Security": `max-age=${HSTS_S}` } : {}),
  };
}
