import type { AskRequest } from "../atom/mod.ts";
import { bytesToId, Fault, LIMITS } from "../base/mod.ts";
import { type AtomRow, hasAll, type StoreReader } from "../storage/mod.ts";
import { answerText } from "./answer.ts";
import { newestImportant } from "./newest.ts";
import { type Query, queryOf } from "./query.ts";
import { type Ranked, rank } from "./rank.ts";
import { Scope } from "./scope.ts";
import type { Recalled, RecallOptions, Semantic } from "./types.ts";

const NO_VECTORS = "this node has no vectors: memories are found by their words alone";

/**
 * Answers a question from one world's atoms. Run inside `reader.snapshot`; the same log gives the same answer.
 * @throws Fault not_found (no such world), storage_error (damaged world record), what `checkDeadline` throws
 */
export function recall(reader: StoreReader, request: AskRequest, options: RecallOptions): Recalled {
  const world = reader.world(request.world);
  if (!world || world.state === 2) throw new Fault("not_found", `there is no world "${request.world}"`);
  const filter = request.filter ?? {};
  const limit = Math.min(
    request.limit ?? LIMITS.askDefault,
    filter.limit ?? LIMITS.askLimit,
    LIMITS.askLimit,
  );
  const scope = new Scope(reader, world, filter);
  const warnings: string[] = [];
  const take = (ranked: Iterable<Ranked>) => taken(reader, request, ranked, limit, warnings);

  if (request.text.trim() === "") {
    const { supporting, scores } = take(newestImportant(reader, scope, options.checkDeadline));
    return { world: world.name, text: "", supporting, warnings, mode: "lexical", scores };
  }
  const query = queryOf(reader, world, request.text, options.now, options.checkDeadline);
  if (query.dropped > 0) {
    warnings.push(`only the ${LIMITS.queryWords} rarest words of the question were used; shorten it`);
  }
  const semantic = semanticOf(scope, query, options, warnings);
  const { supporting, scores } = take(rank(reader, scope, query, semantic, options.checkDeadline));
  const text = answerText(query, request.text, supporting);
  return { world: world.name, text, supporting, warnings, mode: semantic?.mode ?? "lexical", scores };
}

function semanticOf(
  scope: Scope,
  query: Query,
  options: RecallOptions,
  warnings: string[],
): Semantic | undefined {
  const found = options.semantic?.({
    world: scope.world,
    question: query.question,
    accept: (seq) => scope.accepts(seq),
  }) ?? { mode: "lexical" as const, why: NO_VECTORS };
  if (found.mode !== "lexical") return found;
  warnings.push(found.why);
  return undefined;
}

/** Reads the best atoms until the limit; a damaged one is left out with a warning. */
function taken(
  reader: StoreReader,
  request: AskRequest,
  ranked: Iterable<Ranked>,
  limit: number,
  warnings: string[],
): Pick<Recalled, "supporting" | "scores"> {
  const supporting: AtomRow[] = [];
  const scores: Recalled["scores"] = [];
  let damaged = 0;
  for (const { seq, score, signals } of ranked) {
    if (supporting.length >= limit) break;
    const row = readable(reader, seq);
    if (row === "damaged") damaged += 1;
    if (row === undefined || row === "damaged" || !hasAll(row, request.filter ?? {})) continue;
    supporting.push(row);
    scores.push({ id: bytesToId(row.id), score, ...signals });
  }
  if (damaged > 0) {
    warnings.push(
      `${damaged} damaged ${damaged === 1 ? "atom is" : "atoms are"} left out; run "dwbase storage check --deep"`,
    );
  }
  return { supporting, scores };
}

function readable(reader: StoreReader, seq: number): AtomRow | "damaged" | undefined {
  try {
    return reader.atomBySeq(seq);
  } catch (cause) {
    if (cause instanceof Fault && cause.code === "storage_error") return "damaged";
    throw cause;
  }
}
