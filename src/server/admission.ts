import { Fault, LIMITS, type Stage } from "../base/mod.ts";

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
  /** @param stage how full memory is: tight halves the large bodies and streams, critical refuses them */
  constructor(private readonly stage: () => Stage = () => "ok") {}

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
    if (this.large >= this.places(LIMITS.largeBodies))
      throw full("the node is reading as many large bodies as it can hold");
    this.large++;
    return () => this.large--;
  }

  /** A place for an NDJSON stream. @throws Fault overloaded. */
  stream(): Release {
    if (this.streams >= this.places(LIMITS.ndjsonStreams)) {
      throw full("the node is reading as many NDJSON streams as it can hold");
    }
    this.streams++;
    return () => this.streams--;
  }

  private places(most: number): number {
    const stage = this.stage();
    if (stage === "critical") throw full("the node's memory budget is used up");
    return stage === "tight" ? most / 2 : most;
  }
}

function full(what: string): Fault {
  return new Fault("overloaded", `${what}; nothing was done: try again in 1 s`, { retryAfter: 1 });
}
