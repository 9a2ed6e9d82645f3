/** Where the path of a request's URL starts. The URL may be a path alone, and its host may be anything. */
export function pathStart(url: string): number {
  return url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
}

/** What stands before every path of World Weaver's family. */
export const API = "/api/v1";

/** Whether a path belongs to World Weaver's family, which has conventions of its own. */
export function isApiPath(path: string): boolean {
  return path === API || path.startsWith(`${API}/`);
}

/** The path of a request's URL, as it was sent. Unlike `new URL` it never fails. */
export function pathOf(url: string): string {
  const query = url.indexOf("?");
  return url.slice(pathStart(url), query < 0 ? undefined : query);
}
