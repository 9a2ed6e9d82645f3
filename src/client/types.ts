import type { Static } from "@sinclair/typebox";
import type {
  AskAnswerSchema,
  BatchAnswerSchema,
  HealthBodySchema,
  IndexStatusSchema,
  WorldCountSchema,
} from "../atom/mod.ts";
import type { ErrorCode } from "../base/mod.ts";

export type AskAnswer = Static<typeof AskAnswerSchema>;
export type BatchAnswer = Static<typeof BatchAnswerSchema>;
/** A world as GET /worlds?counts=true lists it. */
export type WorldInfo = Static<typeof WorldCountSchema>;
export type IndexInfo = Static<typeof IndexStatusSchema>;
export type Health = Static<typeof HealthBodySchema>;

/** One line of the answer to an NDJSON batch. */
export interface LineAnswer {
  /** Absent in the line that ends a stream which could not go on. */
  index?: number;
  id?: string;
  code?: ErrorCode;
  error?: string;
}
