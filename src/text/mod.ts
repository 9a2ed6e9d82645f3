/** Rank 4: text as the index and the ranker see it. Pure and deterministic; see DESIGN.md before changing a token. */
export { type AtomText, atomText } from "./atom-text.ts";
export { type TimeCues, timeCues } from "./cues.ts";
export { FEATURE, features } from "./features.ts";
export { type Asks, analyseQuestion, type Question } from "./question.ts";
export { sentences } from "./sentences.ts";
export { isStopWord } from "./stop.ts";
export { authorTerms, indexTerms, stem, TEXT_VERSION, termsOf } from "./terms.ts";
export { words } from "./words.ts";
