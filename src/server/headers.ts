/** Headers of an answer in the making. */
export type HeaderMap = Record<string, string>;

/** Adds names to the Vary header. */
export function addVary(headers: HeaderMap, names: string): void {
  headers.Vary = headers.Vary === undefined ? names : `${headers.Vary}, ${names}`;
}
