/** Names of the calendar in English, German and Spanish, in the form `words` yields them. */

function table(rows: string[]): Map<string, number> {
  return new Map(rows.flatMap((row, i) => row.split(" ").map((name): [string, number] => [name, i + 1])));
}

/** Month 1–12 by name. */
export const MONTHS = table([
  "january jan januar jänner enero",
  "february feb februar febrero",
  "march mar märz marzo",
  "april apr abril",
  "may mai mayo",
  "june jun juni junio",
  "july jul juli julio",
  "august aug agosto",
  "september sep sept septiembre",
  "october oct oktober octubre",
  "november nov noviembre",
  "december dec dezember diciembre",
]);

/** Month names that are also other words or people: they count only beside a number or behind a preposition. */
export const UNSURE_MONTHS = new Set(
  "jan feb mar apr may mayo jun jul aug sep sept oct nov dec march".split(" "),
);

/** Day of the week 1 (Monday) – 7 by name. */
export const WEEKDAYS = table([
  "monday montag lunes",
  "tuesday dienstag martes",
  "wednesday mittwoch miércoles",
  "thursday donnerstag jueves",
  "friday freitag viernes",
  "saturday samstag sábado",
  "sunday sonntag domingo",
]);

export type Unit = "day" | "week" | "weekend" | "month" | "year";

/** Units of time by name. */
export const UNITS = new Map<string, Unit>(
  Object.entries({
    day: "day days tag tage tagen día días",
    week: "week weeks woche wochen semana semanas",
    weekend: "weekend weekends wochenende",
    month: "month months monat monate monaten mes meses",
    year: "year years jahr jahre jahren año años",
  }).flatMap(([unit, names]) => names.split(" ").map((name): [string, Unit] => [name, unit as Unit])),
);

/** Numbers by name. */
export const NUMBERS = table([
  "one eine einem einer un una uno",
  "two zwei dos",
  "three drei tres",
  "four vier cuatro",
  "five fünf cinco",
  "six sechs seis",
  "seven sieben siete",
  "eight acht ocho",
  "nine neun nueve",
  "ten zehn diez",
  "eleven elf",
  "twelve zwölf doce",
]);

/** Year 1900–2099, or undefined. */
export function yearOf(word: string | undefined): number | undefined {
  return word !== undefined && /^(?:19|20)\d\d$/.test(word) ? Number(word) : undefined;
}
