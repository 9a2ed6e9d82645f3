import { decodeUtf8 } from "../base/mod.ts";
import { normalise } from "./quantise.ts";

const BYTES_PER_FLOAT = 4;

/** An answer that is not what was asked for; the message says what is wrong with it. */
export class BadAnswer extends Error {}

/**
 * The vectors, at length 1, of an OpenAI-compatible answer to `count` texts, in the order of the texts:
 * `{"data": [{"index": 0, "embedding": [numbers] or base64 of little-endian f32}]}`.
 * @throws BadAnswer
 */
export function readAnswer(bytes: Uint8Array, count: number): Float32Array<ArrayBuffer>[] {
  const items = dataOf(bytes);
  if (items.length !== count) throw new BadAnswer(`it holds ${items.length} vectors for ${count} texts`);
  const vectors: Float32Array<ArrayBuffer>[] = new Array(count);
  items.forEach((item: unknown, place) => {
    const { index = place, embedding } = (item ?? {}) as { index?: unknown; embedding?: unknown };
    if (typeof index !== "number" || !(index in items) || vectors[index] !== undefined) {
      throw new BadAnswer(`its item ${place} has no index of its own from 0 to ${count - 1}`);
    }
    vectors[index] = vectorOf(embedding, place);
  });
  return vectors;
}

function dataOf(bytes: Uint8Array): unknown[] {
  const text = decodeUtf8(bytes);
  try {
    const answer = JSON.parse(text ?? "") as { data?: unknown } | null;
    if (Array.isArray(answer?.data)) return answer.data;
  } catch {
    throw new BadAnswer("it is not JSON");
  }
  throw new BadAnswer("it has no data array");
}

function vectorOf(embedding: unknown, place: number): Float32Array<ArrayBuffer> {
  const floats = typeof embedding === "string" ? floatsOfBase64(embedding) : floatsOfNumbers(embedding);
  // Numbers beyond the range of f32 have become infinite.
  if (floats === undefined || floats.length === 0 || !floats.every(Number.isFinite)) {
    throw new BadAnswer(`its item ${place} has no vector of numbers`);
  }
  return normalise(floats);
}

function floatsOfNumbers(values: unknown): Float32Array | undefined {
  const numbers = Array.isArray(values) && values.every((value) => typeof value === "number");
  return numbers ? Float32Array.from(values as number[]) : undefined;
}

function floatsOfBase64(base64: string): Float32Array | undefined {
  try {
    const bytes = Uint8Array.fromBase64(base64);
    if (bytes.length % BYTES_PER_FLOAT !== 0) return undefined;
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length / BYTES_PER_FLOAT }, (_, i) =>
      view.getFloat32(i * BYTES_PER_FLOAT, true),
    );
  } catch {
    return undefined;
  }
}
