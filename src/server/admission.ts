import { Fault, LIMITS } from "../base/mod.ts";

/** Gives back a place; called once. */
export type Release = () => void;

/**
 * What bounds the memory of requests in flight: how many requests, how many large bodies and how many NDJSON streams
 * are let in at once. Whatever does not fit is refused before it is read.
 */
export class Admission {
  private requests = 0;
  private large = 0;
  private streams = 0;
  private readonly leave = () => {
    this.requests--;
  };

  /** Requests that are being answered. */
  get inFlight(): number {
    return this.requests;
  }

  /** A place for any request. @throws Fault overloaded. */
  request(): Release {
    if (this.requests >= LIMITS.requestsInFlight) {
      throw full("the node is answering as many requests as it can hold");
    }
    this.requests++;
    return this.leave;
  }

  /** A place for a body over LIMITS.largeBodyBytes. @throws Fault overloaded. */
  largeBody(): Release {
    if (this.large >= LIMITS.largeBodies)
      throw full("the node is reading as many large bodies as it can hold");
    this.large++;
    return () => this.large--;
  }

  /** A place for an NDJSON stream. @throws Fault overloaded. */
  stream(): Release {
    if (this.streams >= LIMITS.ndjsonStreams) {
      throw full("the node is reading as many NDJSON streams as it can hold");
    }
    this.streams++;
    return () => this.streams--;
  }
}

function full(what: string): Fault {
  return new Fault("overloaded", `${what}; nothing was done: try again in 1 s`, { retryAfter: 1 });
}
