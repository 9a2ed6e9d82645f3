import { LIMITS } from "../base/mod.ts";
import { MONTHS, NUMBERS, UNITS, UNSURE_MONTHS, type Unit, WEEKDAYS, yearOf } from "./calendar.ts";
import { words } from "./words.ts";

/** Months and days that a question names, distinct, at most LIMITS.timeCues each. */
export interface TimeCues {
  /** A month of any year, a month of one year, or a whole year; month is 1–12. */
  months: { year?: number; month?: number }[];
  /** Days, as ms since the epoch of their noon in UTC. */
  days: number[];
}

const DAY = 86_400_000;
/** 2023-05-08, 2023/05/08, 2023-05. */
const ISO = /(?<!\d)(\d{4})[-/](\d\d)(?:[-/](\d\d))?(?!\d)/g;
/** 8.5.2023; dates with two slashes are left alone, since their order depends on the country. */
const DOTTED = /(?<!\d)(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})(?!\d)/g;
const FILLERS = new Set(["of", "the", "de", "del"]);
const LEADS = new Set(
  "in during since until till by before after early mid late last this every im seit en desde".split(" "),
);
const LAST = new Set("last past previous letzte letzten letzter letztes letztem vorige vorigen".split(" "));
const THIS = new Set("this current este esta diese diesen dieser dieses diesem".split(" "));
const PAST_AFTER = new Set(["pasado", "pasada"]);
/** What comes next or again and again names no day of the past. */
const SKIPPED = new Set(
  "next every each nächste nächsten nächster jeden jede próximo próxima cada".split(" "),
);
const PARTS_OF_DAY = new Set("night morning afternoon evening nacht".split(" "));
const COUNTS = new Map([
  ["a", 1],
  ["an", 1],
  ["couple", 2],
  ["few", 3],
]);
const AGO_BEFORE = new Set(["vor", "hace"]);
const NAMED_DAYS = new Map([
  ...["today", "tonight", "heute", "hoy"].map((w): [string, number] => [w, 0]),
  ...["yesterday", "gestern", "ayer"].map((w): [string, number] => [w, -1]),
  ...["vorgestern", "anteayer"].map((w): [string, number] => [w, -2]),
]);

/**
 * The time a question speaks of. Months and years by name or number ("May 2023", "in March", "2022"), days
 * ("8 May 2023", "May 8th", "2023-05-08"), and times relative to `now` in UTC: yesterday, last week (a week before
 * today), last month, last Monday (before today), 3 days ago. A day without a year is its last occurrence up to
 * today; a day also names its month. Times after today ("next week") are left alone: memories have none.
 * English, German and Spanish names are known.
 */
export function timeCues(question: string, now: number): TimeCues {
  const found = new Found(now);
  const rest = question
    .replace(ISO, (_, y, m, d) => found.date(Number(y), Number(m), d === undefined ? undefined : Number(d)))
    .replace(DOTTED, (_, d, m, y) => found.date(Number(y), Number(m), Number(d)));
  const tokens = words(rest).filter((word) => !FILLERS.has(word));
  for (let i = 0; i < tokens.length; ) i += named(tokens, i, found) || relative(tokens, i, found) || 1;
  return found.cues();
}

/** Collects cues; dates that do not exist are dropped. */
class Found {
  private readonly months = new Map<string, { year?: number; month?: number }>();
  private readonly dayTimes = new Set<number>();
  readonly today: Date;

  constructor(now: number) {
    this.today = new Date(Math.floor(now / DAY) * DAY + DAY / 2);
  }

  month(year: number | undefined, month: number | undefined): void {
    const cue = { ...(year !== undefined && { year }), ...(month !== undefined && { month }) };
    this.months.set(`${year}-${month}`, cue);
  }

  /** The day `offset` days from today. */
  day(offset: number): void {
    this.dayTimes.add(this.today.getTime() + offset * DAY);
  }

  /** A date in figures or words; returns what takes its place in the question. */
  date(year: number | undefined, month: number, day: number | undefined): string {
    if (month < 1 || month > 12) return " ";
    this.month(year, month);
    if (day !== undefined) {
      let time = Date.UTC(year ?? this.today.getUTCFullYear(), month - 1, day, 12);
      if (year === undefined && time > this.today.getTime()) {
        time = Date.UTC(this.today.getUTCFullYear() - 1, month - 1, day, 12);
      }
      if (new Date(time).getUTCDate() === day) this.dayTimes.add(time);
    }
    return " ";
  }

  /** The month or year `count` units before now, or the day. */
  ago(count: number, unit: Unit): void {
    const year = this.today.getUTCFullYear();
    if (unit === "year") this.month(year - count, undefined);
    else if (unit === "month") {
      const index = year * 12 + this.today.getUTCMonth() - count;
      this.month(Math.floor(index / 12), (index % 12) + 1);
    } else if (unit === "weekend") this.weekday(6, count - 1);
    else this.day(-count * (unit === "week" ? 7 : 1));
  }

  /** The last such day of the week before today, or `weeks` weeks earlier. */
  weekday(weekday: number, weeks = 0): void {
    const back = (this.today.getUTCDay() - weekday + 7) % 7 || 7;
    this.day(-back - weeks * 7);
  }

  cues(): TimeCues {
    return {
      months: [...this.months.values()].slice(0, LIMITS.timeCues),
      days: [...this.dayTimes].slice(0, LIMITS.timeCues),
    };
  }
}

/** Reads a month, date or year at `at`; returns how many words it took, 0 if there is none. */
function named(tokens: string[], at: number, found: Found): number {
  const day = dayOf(tokens[at]);
  const month = MONTHS.get(tokens[at + (day === undefined ? 0 : 1)] ?? "");
  if (month === undefined) return year(tokens[at], found);
  const first = day ?? dayOf(tokens[at + 1]);
  const size = first === undefined ? 1 : 2;
  const named = yearOf(tokens[at + size]);
  if (first !== undefined) found.date(named, month, first);
  else if (named !== undefined) found.month(named, month);
  else if (!UNSURE_MONTHS.has(tokens[at]!) || LEADS.has(tokens[at - 1] ?? "")) {
    found.month(yearOfMonth(tokens[at - 1], month, found.today), month);
  }
  return named === undefined ? size : size + 1;
}

function year(token: string | undefined, found: Found): number {
  const value = yearOf(token);
  if (value === undefined) return 0;
  found.month(value, undefined);
  return 1;
}

/** The year that "last" or "this" before a month means. */
function yearOfMonth(before: string | undefined, month: number, today: Date): number | undefined {
  if (before === undefined) return undefined;
  if (THIS.has(before)) return today.getUTCFullYear();
  if (LAST.has(before)) return today.getUTCFullYear() - (month <= today.getUTCMonth() ? 0 : 1);
  return undefined;
}

/** Reads a time relative to today at `at`; returns how many words it took, 0 if there is none. */
function relative(tokens: string[], at: number, found: Found): number {
  const [word, second = "", third = ""] = tokens.slice(at, at + 3) as [string, string?, string?];
  const offset = NAMED_DAYS.get(word);
  if (offset !== undefined) {
    found.day(offset);
    return 1;
  }
  if (word === "day" && second === "before" && third === "yesterday") {
    found.day(-2);
    return 3;
  }
  if (SKIPPED.has(word)) return 2;
  if (LAST.has(word) || THIS.has(word)) return period(second, LAST.has(word) ? 1 : 0, found) && 2;
  if (PAST_AFTER.has(second)) return period(word, 1, found) && 2;
  if (third === "ago") return ago(word, second, found) && 3;
  if (AGO_BEFORE.has(word)) return ago(second, third, found) && 3;
  return WEEKDAYS.has(word) ? period(word, 1, found) : 0;
}

/** The unit or weekday `name`, `back` of them before this one; 1 if it is one, else 0. */
function period(name: string, back: number, found: Found): number {
  const unit = UNITS.get(name);
  const weekday = WEEKDAYS.get(name);
  if (unit !== undefined) found.ago(back, unit);
  else if (weekday !== undefined) found.weekday(weekday);
  else if (PARTS_OF_DAY.has(name)) found.day(-back);
  else return 0;
  return 1;
}

function ago(count: string, name: string, found: Found): number {
  const unit = UNITS.get(name);
  const value = /^\d{1,3}$/.test(count) ? Number(count) : (COUNTS.get(count) ?? NUMBERS.get(count));
  if (unit === undefined || value === undefined) return 0;
  found.ago(value, unit);
  return 1;
}

/** Day of the month from "8" or "8th", or undefined. */
function dayOf(token: string | undefined): number | undefined {
  const match = /^(\d{1,2})(?:st|nd|rd|th)?$/.exec(token ?? "");
  const day = Number(match?.[1]);
  return day >= 1 && day <= 31 ? day : undefined;
}
