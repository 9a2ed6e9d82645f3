import { expect, test } from "bun:test";
import { parseDuration, parseWhen, showTime } from "../../src/cli/when.ts";

const NOW = new Date(2026, 2, 29, 12, 30).getTime();
const when = (text: string) => parseWhen("--since", text, NOW);

test("durations", () => {
  expect(parseDuration("2s")).toBe(2000);
  expect(parseDuration("500ms")).toBe(500);
  expect(parseDuration("1.5h")).toBe(5_400_000);
  expect(parseDuration("1w")).toBe(604_800_000);
  for (const bad of ["", "2", "h", "-2h", "2 years"]) expect(parseDuration(bad)).toBeUndefined();
});

test("times ago, days and dates in the device's zone", () => {
  expect(when("2h")).toBe(NOW - 7_200_000);
  expect(when("3d")).toBe(NOW - 259_200_000);
  expect(when("now")).toBe(NOW);
  expect(when("today")).toBe(new Date(2026, 2, 29).getTime());
  expect(when("Yesterday")).toBe(new Date(2026, 2, 28).getTime());
  expect(when("2026-03-01")).toBe(new Date(2026, 2, 1).getTime());
  expect(when("2026-03-01 14:30")).toBe(new Date(2026, 2, 1, 14, 30).getTime());
  expect(when("2026-03-01T14:30:05")).toBe(new Date(2026, 2, 1, 14, 30, 5).getTime());
});

test("RFC 3339 is taken as it stands", () => {
  expect(when("2026-03-01T12:00:00+02:00")).toBe(Date.UTC(2026, 2, 1, 10));
});

test("yesterday is the calendar's, also where the clock was changed", async () => {
  const script = `
    import { parseWhen } from ${JSON.stringify(`${import.meta.dir}/../../src/cli/when.ts`)};
    console.log(new Date(parseWhen("--since", "yesterday", Date.UTC(2026, 2, 30, 10))).toISOString());`;
  const child = Bun.spawn([process.execPath, "-e", script], { env: { ...process.env, TZ: "Europe/Berlin" } });
  expect((await child.stdout.text()).trim()).toBe("2026-03-28T23:00:00.000Z");
});

test("anything else is refused with the accepted forms", () => {
  for (const bad of ["", "soon", "2026-02-30", "2026-13-01", "2026-03-01 25:00"]) {
    expect(() => when(bad)).toThrow("--since takes a time such as 2h");
  }
});

test("a time is shown in the device's zone", () => {
  expect(showTime(new Date(2026, 2, 1, 4, 5).toISOString())).toBe("2026-03-01 04:05");
  expect(showTime("nonsense")).toBe("nonsense");
});
