/** Where the path of a request's URL starts. The URL may be a path alone, and its host may be anything. */
export function pathStart(url: string): number {
  return url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
}

/** The path of a request's URL, as it was sent. Unlike `new URL` it never fails. */
export function pathOf(url: string): string {
  const query = url.indexOf("?");
  return url.slice(pathStart(url), query < 0 ? undefined : query);
}
