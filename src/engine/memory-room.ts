/**
 * The memory room, loaded by a thread when it first needs it: a node of atoms alone goes without its clustering, its
 * forgetting curve and their pages.
 */
export function memoryRoom(): typeof import("../memory/mod.ts") {
  return require("../memory/mod.ts");
}
