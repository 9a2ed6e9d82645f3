import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LIMITS } from "../../src/base/mod.ts";
import { timeCues } from "../../src/text/mod.ts";

/** Wednesday. */
const NOW = Date.UTC(2026, 2, 18, 23, 30);

/** Cues as text: months as 2023-05, ----05 or 2023, days as 2023-05-08. */
function cues(question: string, now = NOW): string[] {
  const { months, days } = timeCues(question, now);
  const two = (month: number): string => String(month).padStart(2, "0");
  return [
    ...months.map((m) => `${m.year ?? "----"}${m.month === undefined ? "" : `-${two(m.month)}`}`),
    ...days.map((day) => new Date(day).toISOString().replace("T12:00:00.000Z", "")),
  ];
}

describe("time cues of a question", () => {
  const cases: [question: string, expected: string[]][] = [
    ["What happened in May 2023?", ["2023-05"]],
    ["Who came in March?", ["-----03"]],
    ["What did she buy in 2022?", ["2022"]],
    ["Was it in June or in July of 2023?", ["-----06", "2023-07"]],
    ["Where was he on 8 May 2023?", ["2023-05", "2023-05-08"]],
    ["Where was he on the 8th of May, 2023?", ["2023-05", "2023-05-08"]],
    ["Where was he on May 8, 2023?", ["2023-05", "2023-05-08"]],
    ["Where was he on Jan 31st?", ["-----01", "2026-01-31"]],
    ["Where was he on May 8th?", ["-----05", "2025-05-08"]],
    ["Was it 2023-05-08 or 2023/06?", ["2023-05", "2023-06", "2023-05-08"]],
    ["What was on 8.5.2023?", ["2023-05", "2023-05-08"]],
    ["What was on 31 June 2023?", ["2023-06"]],
    ["What was on 2023-13-01?", []],
    ["May I march with Jan?", []],
    ["How many of 2500 steps at 21.5?", []],

    ["What did I do today?", ["2026-03-18"]],
    ["What did I do yesterday?", ["2026-03-17"]],
    ["And the day before yesterday?", ["2026-03-16"]],
    ["What was last night?", ["2026-03-17"]],
    ["What was this morning?", ["2026-03-18"]],
    ["What was last week?", ["2026-03-11"]],
    ["What was last weekend?", ["2026-03-14"]],
    ["What was last month?", ["2026-02"]],
    ["What was this month and last year?", ["2026-03", "2025"]],
    ["What was last January, last March, last May?", ["2026-01", "2025-03", "2025-05"]],
    ["What was last Monday?", ["2026-03-16"]],
    ["What was on Wednesday?", ["2026-03-11"]],
    ["What was 3 days ago?", ["2026-03-15"]],
    ["What was two weeks ago?", ["2026-03-04"]],
    ["What was a couple of months ago?", ["2026-01"]],
    ["What was 15 months ago?", ["2024-12"]],
    ["What was a year ago?", ["2025"]],
    ["What is next week, and every Monday?", []],

    ["Was war am 8. Mai 2023?", ["2023-05", "2023-05-08"]],
    ["Was war gestern, letzte Woche und vor drei Tagen?", ["2026-03-17", "2026-03-11", "2026-03-15"]],
    ["¿Qué pasó el 8 de mayo de 2023?", ["2023-05", "2023-05-08"]],
    ["¿Qué pasó ayer, la semana pasada y hace dos meses?", ["2026-01", "2026-03-17", "2026-03-11"]],
  ];
  for (const [question, expected] of cases) {
    test(question, () => expect(cues(question)).toEqual(expected));
  }

  test("are counted over the turn of a year", () => {
    expect(cues("last month", Date.UTC(2026, 0, 5))).toEqual(["2025-12"]);
    expect(cues("yesterday", Date.UTC(2026, 0, 1))).toEqual(["2025-12-31"]);
  });

  test("without a relative time do not depend on now", () => {
    expect(timeCues("in May 2023", 0)).toEqual(timeCues("in May 2023", NOW));
  });

  test("are distinct and bounded", () => {
    expect(cues("yesterday and yesterday in 2022 and 2022")).toEqual(["2022", "2026-03-17"]);
    const many = Array.from({ length: 100 }, (_, i) => `${1900 + i} and ${i + 1} days ago`).join(", ");
    const { months, days } = timeCues(many, NOW);
    expect([months.length, days.length]).toEqual([LIMITS.timeCues, LIMITS.timeCues]);
  });

  test("are valid whatever the question", () => {
    const word = fc.constantFrom(
      "last",
      "may",
      "8",
      "31st",
      "2023",
      "ago",
      "3",
      "week",
      "hace",
      "month",
      "monday",
      "this",
      "2023-02-30",
      "x",
    );
    fc.assert(
      fc.property(fc.array(word), fc.integer({ min: 1e12, max: 4e12 }), (parts, now) => {
        const { months, days } = timeCues(parts.join(" "), now);
        for (const { month = 1 } of months) expect(month >= 1 && month <= 12).toBe(true);
        for (const day of days) expect(day % 86_400_000).toBe(43_200_000);
      }),
    );
  });
});
