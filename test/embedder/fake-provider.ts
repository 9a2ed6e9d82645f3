import { expect } from "bun:test";
import { Fault, LIMITS, ManualClock } from "../../src/base/mod.ts";
import { HttpEmbedder, type HttpEmbedderOptions } from "../../src/embedder/mod.ts";

export interface Sent {
  url: string;
  headers: Headers;
  model: string;
  input: string[];
  signal: AbortSignal;
}

/** What the provider does with a request; undefined for the usual answer. */
export type Act = (sent: Sent) => Promise<Response> | Response | undefined;

/** A vector that depends on the text alone; not at length 1, as providers may answer. */
export function fakeVector(text: string, dimension = 8): number[] {
  const hash = Number(Bun.hash(text.trim()) & 0xffffffffn);
  return Array.from({ length: dimension }, (_, i) => Math.sin(hash * (i + 1)) * 3);
}

export function answer(input: string[], dimension = 8): Response {
  const data = input.map((text, index) => ({ index, embedding: fakeVector(text, dimension) }));
  return Response.json({ object: "list", data: data.reverse() });
}

/** Never answers; ends when the request is aborted. */
export const hang: Act = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

/** An embedder before a provider in memory. `acts` are taken one per request; then it answers as usual. */
export function withProvider(acts: Act[] = [], options: Partial<HttpEmbedderOptions> = {}) {
  const clock = new ManualClock();
  const sent: Sent[] = [];
  const pauses: number[] = [];
  const embedder = new HttpEmbedder({
    url: "http://provider.test/v1/embeddings",
    model: "bge-m3",
    dimension: 0,
    timeoutMs: 60_000,
    cacheSize: 10,
    clock,
    random: () => 0,
    sleep: async (ms) => {
      pauses.push(ms);
    },
    fetch: async (url, init) => {
      const request = { url, headers: new Headers(init.headers), signal: init.signal as AbortSignal };
      const all = { ...request, ...(JSON.parse(init.body as string) as { model: string; input: string[] }) };
      sent.push(all);
      return (await acts.shift()?.(all)) ?? answer(all.input);
    },
    ...options,
  });
  return { embedder, clock, sent, pauses };
}

/** A signal that nobody aborts. */
export const patient = new AbortController().signal;

/** `n` different texts. */
export function texts(n: number, from = 0): string[] {
  return Array.from({ length: n }, (_, i) => `text ${from + i}`);
}

export function times(n: number, act: Act): Act[] {
  return new Array(n).fill(act);
}

export const OPENS = LIMITS.circuitFailures;

/** The fault with which `promise` fails. */
export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(Fault);
  return error as Fault;
}

export const embed = (embedder: HttpEmbedder, ...many: string[]) => embedder.embedMany(many, patient);
/** Answers with that status. */
export const status =
  (code: number, text = ""): Act =>
  () =>
    new Response(text, { status: code });
/** Answers with that JSON. */
export const body =
  (value: unknown): Act =>
  () =>
    Response.json(value);
/** A well-formed answer with these embeddings. */
export const items = (...embeddings: unknown[]) => ({
  data: embeddings.map((embedding, index) => ({ index, embedding })),
});
