/** Headers by which a proxy shows itself; what it forwards does not come from this machine. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"] as const;

const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;
const HTTP_ORIGIN = /^https?:\/\/([^/?#@]+)$/i;

/**
 * Why a request on an open loopback listener may come from elsewhere, or undefined when it is local: a foreign Host
 * (DNS rebinding), a proxy's header, or the Origin of a foreign web page. Browsers always send Host, so its absence
 * is harmless.
 */
export function foreignBecause(headers: Headers, corsOrigins: readonly string[]): string | undefined {
  const host = headers.get("host");
  if (host !== null && !LOCAL_HOST.test(host)) return `its Host is ${quote(host)}`;
  for (const name of PROXY_HEADERS) {
    if (headers.has(name)) return `it came through a proxy (${name})`;
  }
  const origin = headers.get("origin");
  if (origin !== null && !knownOrigin(origin, host, corsOrigins)) return `its Origin is ${quote(origin)}`;
  return undefined;
}

function knownOrigin(origin: string, host: string | null, corsOrigins: readonly string[]): boolean {
  if (corsOrigins.includes(origin) || corsOrigins.includes("*")) return true;
  const originHost = HTTP_ORIGIN.exec(origin)?.[1];
  return originHost !== undefined && (LOCAL_HOST.test(originHost) || originHost === host);
}

function quote(value: string): string {
  return JSON.stringify(value.slice(0, 100));
}
