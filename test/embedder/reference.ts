import { join } from "node:path";

export interface Reference {
  text: string;
  vector: number[];
}

/** Texts with the vectors that the model must give them. */
export async function references(): Promise<Reference[]> {
  const packed = await Bun.file(join(import.meta.dir, "../fixtures/embedder/reference.jsonl.gz")).bytes();
  const lines = new TextDecoder().decode(Bun.gunzipSync(packed)).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Cosine of two vectors; two zero vectors are alike. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [aa, bb] = [dot(a, a), dot(b, b)];
  if (aa === 0 && bb === 0) return 1;
  return aa === 0 || bb === 0 ? 0 : dot(a, b) / Math.sqrt(aa * bb);
}
