import { Fault } from "../base/mod.ts";
import { isLoopback } from "../config/mod.ts";

/** Where a node is reached when nothing says otherwise. */
export const DEFAULT_API = "http://127.0.0.1:8080";

/** Where a node is reached. */
export interface Address {
  /** As the user wrote it, for messages. */
  label: string;
  /** URL prefix without a slash at the end. */
  base: string;
  /** Path of a Unix socket, instead of the URL's host. */
  unix: string | undefined;
  /** Whether the node is on this machine: only then the local key file may be sent to it. */
  local: boolean;
}

/**
 * Reads `http://host:port`, `https://host/prefix` or `unix:///path/to.sock`.
 * @throws Fault usage that says what is accepted.
 */
export function parseApi(text: string): Address {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
    if (!path.startsWith("/")) throw badApi(text);
    return { label: text, base: "http://localhost", unix: path, local: true };
  }
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "")
    throw badApi(text);
  if (url.username !== "" || url.password !== "") {
    throw new Fault("usage", "a key does not belong in the node's URL; give it with --key or DWBASE_API_KEY");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return {
    label: text,
    base: url.href.replace(/\/+$/, ""),
    unix: undefined,
    local: isLoopback(host),
  };
}

function badApi(text: string): Fault {
  return new Fault(
    "usage",
    `"${text}" is not the address of a node; write http://host:port or unix:///path/to/socket`,
  );
}
