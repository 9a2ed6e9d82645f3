/** A seeded generator (mulberry32), so that every run measures the same memories. */
export class Dice {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }
}

const SYLLABLES = "ba de ki lo mu na pe ri so tu va we xi yo za fe gi ho ja ku".split(" ");

function wordOf(rank: number): string {
  let word = "";
  for (let n = rank + 20; n > 0; n = Math.floor(n / 20)) word += SYLLABLES[n % 20];
  return word;
}

const VOCABULARY = Array.from({ length: 20_000 }, (_, rank) => wordOf(rank));

/** A sentence whose words follow Zipf's law, as those of people do. */
export function sentence(dice: Dice, words: number): string {
  const pick = (): string => VOCABULARY[Math.floor(VOCABULARY.length ** dice.next()) - 1] ?? VOCABULARY[0]!;
  return `${Array.from({ length: words }, pick).join(" ")}.`;
}

/** A memory like those of devices and people: about 14 words, in sessions of 30. */
export function memory(dice: Dice, n: number, world = "bench"): Record<string, unknown> {
  return {
    world,
    worker: `worker-${n % 5}`,
    kind: "observation",
    importance: Math.round(dice.next() * 100) / 100,
    payload_json: JSON.stringify({ text: sentence(dice, 6 + dice.below(17)) }),
    labels: [`session:${Math.floor(n / 30)}`],
  };
}
