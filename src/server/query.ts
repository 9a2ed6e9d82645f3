import { invalid } from "../base/mod.ts";

/** The parameters of a query, each given once. */
export type Query = Readonly<Record<string, string>>;

const NONE: Query = {};

const STRICT = { yes: /^true$/, no: /^false$/ };
/** As World Weaver reads them: clients in Python write True and False. */
export const LENIENT = { yes: /^(true|1|t|yes|y|on)$/i, no: /^(false|0|f|no|n|off)$/i };

/**
 * The query of a URL. An unknown parameter is refused like an unknown field of a body: it is a mistake that should
 * be heard of. With `lenient` it is passed over, as World Weaver's family does.
 * @throws Fault invalid_input for names outside `known`, and for a name given twice.
 */
export function queryOf(url: string, known: readonly { name: string }[], lenient = false): Query {
  const at = url.indexOf("?");
  if (at < 0) return NONE;
  const found: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(url.slice(at + 1))) {
    if (!known.some((parameter) => parameter.name === name)) {
      if (lenient) continue;
      const accepted = known.map((parameter) => parameter.name).join(", ") || "none";
      throw invalid(`unknown query parameter ${JSON.stringify(name)}; accepted here: ${accepted}`);
    }
    if (Object.hasOwn(found, name)) throw invalid(`the query parameter ${name} is given twice; give it once`);
    found[name] = value;
  }
  return found;
}

/**
 * @param words what is read as true and false; "true" and "false" alone unless others are given
 * @throws Fault invalid_input unless it is one of them or absent
 */
export function booleanOf(query: Query, name: string, words = STRICT): boolean {
  const value = query[name];
  if (value === undefined || words.no.test(value)) return false;
  if (words.yes.test(value)) return true;
  throw invalid(`the query parameter ${name} must be true or false`);
}
