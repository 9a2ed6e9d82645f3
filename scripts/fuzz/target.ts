import type fc from "fast-check";
import type { ErrorCode } from "../../src/base/mod.ts";

/** A parser of bytes from outside. It may refuse a case with one of `refusals`; anything else it throws is a bug. */
export interface Target<Input = unknown> {
  name: string;
  cases: fc.Arbitrary<Input>;
  refusals: readonly ErrorCode[];
  run(input: Input): unknown;
  /** Removes what it made. */
  close?(): void;
}

/** As a target of the list, with the type of its input forgotten. */
export function target<Input>(made: Target<Input>): Target {
  return made as unknown as Target;
}
