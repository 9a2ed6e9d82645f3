import { Type } from "@sinclair/typebox";
import {
  BatchAnswerSchema,
  BatchRequestSchema,
  canonical,
  checkNewAtom,
  IdSchema,
  LineAnswerSchema,
  type NewAtom,
  NewAtomSchema,
} from "../../atom/mod.ts";
import { clockIsSane, invalid, LIMITS } from "../../base/mod.ts";
import type { WriteOptions } from "../../engine/mod.ts";
import { type Batch, checkBatch } from "../batch.ts";
import type { Exchange } from "../exchange.ts";
import { batchForm, IDEMPOTENCY_HEADER, idempotencyKey, idempotencyOf } from "../idempotency.ts";
import { answerLines } from "../ndjson.ts";
import { guarded, type Parameter, type Route } from "../route.ts";

const DURABILITY: Parameter = {
  name: "durability",
  description:
    "`relaxed` acknowledges before the data is on the disk: a power cut may take what came in node.storage.relaxed_window_ms.",
  schema: Type.Literal("relaxed"),
};

const IDEMPOTENCY: Parameter = {
  name: IDEMPOTENCY_HEADER,
  description:
    "Makes a retry safe: for 24 hours the same key with the same body gets the same answer, with another body 409.",
  schema: Type.String({ minLength: 1, maxLength: LIMITS.idempotencyKeyChars, pattern: "^[ -~]+$" }),
};

/** @throws Fault invalid_input */
function relaxedOf({ query }: Exchange): boolean {
  const { durability } = query;
  if (durability === undefined) return false;
  if (durability === "relaxed") return true;
  throw invalid("the query parameter durability must be relaxed, or be left out to wait for the disk");
}

/** `form` makes the canonical form of the body; it is asked for only when there is a key. */
function writeOptions(exchange: Exchange, form: () => string): WriteOptions {
  const relaxed = relaxedOf(exchange);
  const key = idempotencyKey(exchange);
  return key === undefined ? { relaxed } : { relaxed, idempotency: idempotencyOf(key, form()) };
}

const remember = guarded<{ atom: NewAtom; how: WriteOptions }>({
  method: "POST",
  path: "/remember",
  tag: "atoms",
  access: "write_worlds",
  limited: "remember",
  writes: true,
  summary: "Remember one atom",
  description: "Answers once the atom is on the disk. An own `id` or an Idempotency-Key makes a retry safe.",
  query: [DURABILITY],
  headers: [IDEMPOTENCY],
  body: {
    schema: NewAtomSchema,
    check(value, exchange) {
      const { clock } = exchange.shared;
      const atom = checkNewAtom(value, { now: clock.now(), clockSane: clockIsSane(clock) });
      return { atom, how: writeOptions(exchange, () => canonical(atom)) };
    },
  },
  answer: { status: 200, description: "The atom's id.", schema: IdSchema },
  faults: ["importance_cap", "kind_not_allowed", "label_not_allowed", "world_archived", "conflict", "gone"],
  run: ({ exchange, engine, caller, input }) => engine.remember(caller, input.atom, input.how, exchange.want),
});

const batch = guarded<Batch & { how: WriteOptions }>({
  method: "POST",
  path: "/remember/batch",
  tag: "atoms",
  access: "write_worlds",
  limited: "remember",
  writes: true,
  summary: "Remember many atoms",
  description:
    `Up to ${LIMITS.batchAtoms} atoms in one transaction; refused ones stand in \`errors\` and do not hold up the others. ` +
    "As NDJSON a stream of any number of atoms, one a line, committed as it arrives and answered by a line for each; " +
    "read the answer while sending, or the node stops reading. A line without `index` says why the stream ended early.",
  query: [DURABILITY],
  headers: [IDEMPOTENCY],
  body: {
    schema: BatchRequestSchema,
    check(value, exchange) {
      const { items, sent } = checkBatch(value, exchange);
      return { items, sent, how: writeOptions(exchange, () => batchForm(items, sent)) };
    },
  },
  lines: {
    schema: NewAtomSchema,
    run(call) {
      if (idempotencyKey(call.exchange) !== undefined) {
        throw invalid(
          `${IDEMPOTENCY_HEADER} cannot be used with NDJSON; give each atom an id of your own to make a retry safe`,
        );
      }
      return answerLines(call, relaxedOf(call.exchange));
    },
  },
  answer: {
    status: 200,
    description: "What became of each atom.",
    schema: BatchAnswerSchema,
    line: LineAnswerSchema,
  },
  faults: ["conflict"],
  run({ exchange, engine, caller, input }) {
    const { items, how } = input;
    if (items.length > 1) exchange.shared.limiter.takeRest("remember", caller, items.length);
    return engine.rememberBatch(caller, items, how, exchange.want);
  },
});

export const rememberRoutes: readonly Route[] = [remember, batch];
