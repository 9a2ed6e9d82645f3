/** Rank 11: the composition root: opens the parts in order, closes them in reverse. */
export { type ServeOptions, serve } from "./serve.ts";
