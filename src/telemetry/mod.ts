/** Rank 3: what the node tells about itself: log lines, metrics, request ids. */
export * from "./logger.ts";
export * from "./metrics.ts";
export * from "./request-id.ts";
export {
  openTracing,
  parseTraceparent,
  type RequestTrace,
  type Tracing,
  type TracingOptions,
} from "./tracing.ts";
