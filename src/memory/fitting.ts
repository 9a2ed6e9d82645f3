import { type Fault, LIMITS, utf8Length } from "../base/mod.ts";

/**
 * The first of some values that fit into one answer together, of LIMITS.memoryAnswerBytes as JSON. What does not fit is
 * not read.
 * @param refuse for lists that must be whole: what is thrown when not all fit
 */
export function fitting<T>(values: Iterable<T>, refuse?: () => Fault): T[] {
  const taken: T[] = [];
  let bytes = 0;
  for (const value of values) {
    bytes += utf8Length(JSON.stringify(value));
    if (bytes > LIMITS.memoryAnswerBytes) {
      if (refuse) throw refuse();
      break;
    }
    taken.push(value);
  }
  return taken;
}
