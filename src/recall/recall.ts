import { type AskRequest, type AtomFilter, unknownWorld } from "../atom/mod.ts";
import { bytesToId, Fault, LIMITS } from "../base/mod.ts";
import { type AtomRow, DOC, hasAll, type StoreReader, type WorldRow } from "../storage/mod.ts";
import { answerText } from "./answer.ts";
import { calibrated } from "./likeness.ts";
import { newestImportant } from "./newest.ts";
import { type Query, queryOf } from "./query.ts";
import { rank } from "./rank.ts";
import { Scope } from "./scope.ts";
import {
  type Candidates,
  explained,
  type Ranked,
  type Recalled,
  type RecallOptions,
  type Semantic,
} from "./types.ts";
import { WEIGHTS } from "./weights.ts";

const NO_VECTORS = "this node has no vectors: memories are found by their words alone";

/**
 * Answers a question from one world's atoms. Run inside `reader.snapshot`; the same log gives the same answer.
 * @throws Fault not_found (no such world), storage_error (damaged world record), what `checkDeadline` throws
 */
export function recall(reader: StoreReader, request: AskRequest, options: RecallOptions): Recalled {
  const world = worldOf(reader, request.world);
  const filter = request.filter ?? {};
  const limit = Math.min(
    request.limit ?? LIMITS.askDefault,
    filter.limit ?? LIMITS.askLimit,
    LIMITS.askLimit,
  );
  const { checkDeadline } = options;
  const scope = new Scope(reader, world, filter, checkDeadline);
  const newest = newestTime(reader, world);
  const warnings: string[] = [];

  if (request.text.trim() === "") {
    const found = taken(reader, filter, newestImportant(reader, scope, newest), limit, warnings);
    return { world: world.name, text: "", ...found, warnings, mode: "lexical" };
  }
  const query = questionOf(reader, world, request.text, options, warnings);
  const semantic = semanticOf(scope, query, options, warnings);
  options.mark?.("semantic");
  const { ranked } = rank({
    reader,
    scope,
    query,
    semantic,
    newest,
    checkDeadline,
    mark: options.mark,
    every: false,
  });
  const found = taken(reader, filter, ranked, limit, warnings);
  const text = answerText(query, request.text, found.supporting, meantBy(found, semantic));
  options.mark?.("rank");
  return { world: world.name, text, ...found, warnings, mode: semantic?.mode ?? "lexical" };
}

/**
 * The candidates of a question, best first, for who ranks them further: as `recall`, with what each holds of the
 * question, and nothing read yet. Run inside `reader.snapshot`.
 * @throws Fault as `recall`
 */
export function recallCandidates(
  reader: StoreReader,
  request: Pick<AskRequest, "world" | "text" | "filter">,
  options: RecallOptions,
): Candidates {
  const world = worldOf(reader, request.world);
  const { checkDeadline } = options;
  const scope = new Scope(reader, world, request.filter ?? {}, checkDeadline);
  const newest = newestTime(reader, world);
  const warnings: string[] = [];
  const query = questionOf(reader, world, request.text, options, warnings);
  const semantic = semanticOf(scope, query, options, warnings);
  const found = rank({
    reader,
    scope,
    query,
    semantic,
    newest,
    checkDeadline,
    mark: options.mark,
    every: true,
  });
  const cosine = (seq: number): number => semantic?.cosine(seq) ?? 0;
  const superseded = (seq: number): boolean => ((scope.doc(seq)?.bits ?? 0) & DOC.superseded) !== 0;
  return { world, ...found, cosine, superseded, model: semantic?.model, warnings };
}

function worldOf(reader: StoreReader, name: string): WorldRow {
  const world = reader.liveWorld(name);
  if (!world) throw unknownWorld(name);
  return world;
}

function questionOf(
  reader: StoreReader,
  world: WorldRow,
  text: string,
  options: RecallOptions,
  warnings: string[],
): Query {
  const query = queryOf(reader, world, text, options.now, options.checkDeadline);
  if (query.dropped > 0) {
    warnings.push(`only the ${LIMITS.queryWords} rarest words of the question were used; shorten it`);
  }
  return query;
}

/**
 * The time from which age counts: the world's newest timestamp, but none later than when its last atom was recorded,
 * so that one dated in the future does not make all others old.
 */
function newestTime(reader: StoreReader, world: WorldRow): number {
  for (const { seq } of reader.docsBackwards(world.id)) {
    const last = readable(reader, seq);
    if (last && last !== "damaged") return Math.min(world.newest_ms, last.recorded_ms);
  }
  return world.newest_ms;
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
    text: query.plain,
    accept: (seq) => scope.accepts(seq),
    expect: (seqs) => scope.expect(seqs),
    few: scope.few,
  }) ?? { mode: "lexical" as const, why: NO_VECTORS };
  if (found.mode !== "lexical") return found;
  warnings.push(found.why);
  return undefined;
}

/**
 * The best atom that was found by its author, its time or its meaning. The nearest of all is not enough: every question
 * has one, and it may have nothing to do with it.
 */
function meantBy(
  { supporting, scores }: Pick<Recalled, "supporting" | "scores">,
  semantic: Semantic | undefined,
): AtomRow | undefined {
  return supporting.find(({ seq }, at) => {
    const { author, time } = scores[at]!;
    if (author > 0 || time > WEIGHTS.timeWord) return true;
    return semantic !== undefined && calibrated(semantic.cosine(seq), semantic.model) > 0;
  });
}

/** Reads the best atoms until the limit; a damaged one is left out with a warning. */
function taken(
  reader: StoreReader,
  filter: AtomFilter,
  ranked: readonly Ranked[],
  limit: number,
  warnings: string[],
): Pick<Recalled, "supporting" | "scores"> {
  const supporting: AtomRow[] = [];
  const scores: Recalled["scores"] = [];
  let damaged = 0;
  for (const one of ranked) {
    if (supporting.length >= limit) break;
    const row = readable(reader, one.seq);
    if (row === "damaged") damaged += 1;
    if (row === undefined || row === "damaged" || !hasAll(row, filter)) continue;
    supporting.push(row);
    scores.push(explained(bytesToId(row.id), one));
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
