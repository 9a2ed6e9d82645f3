/**
 * Every weight of the ranking, in one table. Measured on dialogue memories (see DESIGN.md); tune only with
 * `npm run eval`, and write down what it gave.
 */
export const WEIGHTS = {
  // --- 1 lexical: bm25 by the world's own statistics, best = 1 ---
  /** Saturation of a word's frequency in an atom. */
  k1: 1.2,
  /** How much longer atoms are held to be less about a word. */
  b: 0.75,
  /** bm25 of a word is multiplied by idf to this power: rare words say more than bm25 grants them. */
  idfPower: 0.5,
  /**
   * Share of the question's weight in words that the best atom must hold for words to count in full. A question in
   * other words than its answer has chance hits only, which would outrank what the vectors find.
   */
  coverage: 0.6,
  /** A common word of less than this share of the question's weight is not looked up for neighbours. */
  negligible: 0.02,

  // --- 2 semantic: times (cosine / best cosine) to this power, since cosines of the best lie close together ---
  semantic: 0.4,
  semanticPower: 2,

  // --- 3 context: parts of the neighbours' lexical + semantic ---
  previous: 0.4,
  next: 0.2,
  previous2: 0.4,
  next2: 0.2,
  /** Part of the best such score in the thread. */
  threadBest: 0.3,

  // --- 4 author ---
  author: 0.3,

  // --- 5 time ---
  month: 0.6,
  day: 0.4,
  /** Days after which nearness to a named day has fallen to 1/e. */
  dayDecay: 4,
  timeWord: 0.2,

  // --- 6 number and form ---
  number: 0.2,
  firstPerson: 0.1,
  /** Times ln(1 + words). */
  length: 0.1,
  question: -0.2,

  // --- 7 standing ---
  /** Times c / (1 + c), c being other workers that confirm. */
  confirmed: 0.2,
  /** Times x / (1 + x), x being workers that contradict. */
  contradicted: -0.3,
  /** Largest shift by importance and by trust, around their middle of 0.5. */
  importance: 0.2,
  trust: 0.2,
  /** Of the newest; halves at `recencyDays`, a third at twice that, so that old atoms still differ. */
  recency: 0.05,
  recencyDays: 30,

  // --- the empty question: importance, and of the newest atom this much more ---
  newest: 0.5,
} as const;
