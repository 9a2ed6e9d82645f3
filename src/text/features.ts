import { MONTHS, NUMBERS, UNITS, UNSURE_MONTHS, WEEKDAYS, yearOf } from "./calendar.ts";
import { words } from "./words.ts";

/** What a text has, as bits of one number. */
export const FEATURE = {
  /** A word of the calendar or clock. */
  time: 1,
  /** Digits, or a number word from two on. */
  number: 2,
  /** The writer speaks of himself. */
  firstPerson: 4,
  /** It ends with a question mark. */
  question: 8,
} as const;

const TIMES = `yesterday today tonight tomorrow ago last next recently lately since morning afternoon evening night noon
midnight oclock pm hour hours minute minutes summer winter autumn decade century birthday anniversary
gestern heute morgen vorgestern ayer hoy mañana`;
const PERSONS =
  "i me my mine myself we us our ours ourselves ich mir mich mein meine wir uns unser unsere yo mis nosotros";

const HOUR = /^\d{1,2}[ap]m$/;

const BITS = new Map<string, number>();
function mark(names: Iterable<string>, bit: number): void {
  for (const name of names) BITS.set(name, (BITS.get(name) ?? 0) | bit);
}
mark(TIMES.split(/\s+/), FEATURE.time);
mark(UNITS.keys(), FEATURE.time);
mark(WEEKDAYS.keys(), FEATURE.time);
for (const name of MONTHS.keys()) if (!UNSURE_MONTHS.has(name)) mark([name], FEATURE.time);
for (const [name, value] of NUMBERS) if (value > 1) mark([name], FEATURE.number);
mark("hundred thousand million dozen twice couple".split(" "), FEATURE.number);
mark(PERSONS.split(" "), FEATURE.firstPerson);

/** FEATURE bits of a text. @param split its `words`, where they are at hand */
export function features(text: string, split: readonly string[] = words(text)): number {
  let bits = /[?？؟]["'”’)\s]*$/.test(text) ? FEATURE.question : 0;
  let numberBefore = false;
  let monthBefore = false;
  for (const word of split) {
    const first = word.charCodeAt(0);
    const number = first >= 48 && first <= 57;
    const month = UNSURE_MONTHS.has(word);
    bits |= number ? FEATURE.number : (BITS.get(word) ?? 0);
    if (number && (yearOf(word) !== undefined || HOUR.test(word))) bits |= FEATURE.time;
    if ((month && numberBefore) || (number && monthBefore)) bits |= FEATURE.time;
    numberBefore = number;
    monthBefore = month;
  }
  return bits;
}
