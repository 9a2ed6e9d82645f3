/** Rank 3: the record: its schemas, its validation and its encodings. */
export * from "./answers.ts";
export * from "./check.ts";
export * from "./codec.ts";
export * as field from "./fields.ts";
export * from "./json.ts";
export * from "./msgpack.ts";
export * from "./ndjson.ts";
export * from "./schemas.ts";
export * from "./types.ts";
export * from "./unknown.ts";
