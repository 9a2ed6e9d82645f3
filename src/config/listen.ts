import { isIPv4, isIPv6 } from "node:net";
import { Fault } from "../base/mod.ts";

/** Where a node listens. An IPv6 host stands here without its brackets. */
export type Listen = { kind: "tcp"; host: string; port: number } | { kind: "unix"; path: string };

/** Longest path of a Unix socket (sun_path without its final zero byte). */
const SOCKET_PATH_BYTES = 107;
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

export const LISTEN_FORMS =
  "host:port (127.0.0.1:8080, [::1]:8080; port 0 picks a free one) or unix:/absolute/path";

/** `parseListen` without the exception. */
export function tryListen(text: string): Listen | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    const fits = Buffer.byteLength(path) <= SOCKET_PATH_BYTES;
    return path.startsWith("/") && !path.endsWith("/") && fits && !path.includes("\0")
      ? { kind: "unix", path }
      : undefined;
  }
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [, bracketed, plain = "", digits] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { kind: "tcp", host: bracketed, port } : undefined;
  return isHost(plain) ? { kind: "tcp", host: plain, port } : undefined;
}

/**
 * Reads a listen address.
 * @throws Fault usage when it is neither of the two forms.
 */
export function parseListen(text: string): Listen {
  const listen = tryListen(text);
  if (!listen) throw new Fault("usage", `"${text}" is not a listen address; write ${LISTEN_FORMS}`);
  return listen;
}

export function formatListen(listen: Listen): string {
  if (listen.kind === "unix") return `unix:${listen.path}`;
  return listen.host.includes(":") ? `[${listen.host}]:${listen.port}` : `${listen.host}:${listen.port}`;
}

/** An IP address or a host name; all digits and dots must be a real IPv4 address. */
function isHost(host: string): boolean {
  return /^[\d.]+$/.test(host) ? isIPv4(host) : HOST_NAME.test(host);
}

/** Whether only this machine reaches `host`: localhost, 127.0.0.0/8, ::1 (also written as a mapped IPv4 address). */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (bare === "localhost") return true;
  if (isIPv4(bare)) return bare.startsWith("127.");
  if (!isIPv6(bare)) return false;
  const canonical = new URL(`http://[${bare.split("%")[0]}]/`).hostname;
  return canonical === "[::1]" || canonical.startsWith("[::ffff:7f");
}

/** URL under which a node is reached from its own machine. */
export function apiOf(listen: Listen): string {
  if (listen.kind === "unix") return `unix://${listen.path}`;
  const anywhere: Record<string, string> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  return `http://${formatListen({ ...listen, host: anywhere[listen.host] ?? listen.host })}`;
}
