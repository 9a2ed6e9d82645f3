import { Fault, parseTime } from "../base/mod.ts";

const UNITS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Ms of `500ms`, `2s`, `5m`, `2h`, `3d` or `1w`, or undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w)$/.exec(text.trim().toLowerCase());
  return match ? Number(match[1]) * UNITS[match[2]!]! : undefined;
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?$/;

/**
 * A point in time as people write it, ms since the epoch: `2h` or `3d` (that long ago), `now`, `today` and
 * `yesterday` (their start), `2026-03-01`, `2026-03-01 14:30`, all in the device's time zone, or RFC 3339.
 * @throws Fault usage naming the option and the accepted forms.
 */
export function parseWhen(option: string, text: string, now: number): number {
  const wanted = text.trim().toLowerCase();
  const ago = parseDuration(wanted);
  if (ago !== undefined) return now - ago;
  if (wanted === "now") return now;
  const today = new Date(now);
  if (wanted === "today" || wanted === "yesterday") {
    const back = wanted === "today" ? 0 : 1;
    return new Date(today.getFullYear(), today.getMonth(), today.getDate() - back).getTime();
  }
  const exact = parseTime(text.trim()) ?? parseLocal(text.trim());
  if (exact !== undefined) return exact;
  throw new Fault(
    "usage",
    `${option} takes a time such as 2h, 3d, yesterday, 2026-03-01, "2026-03-01 14:30" or RFC 3339, got "${text}"`,
  );
}

/** A date, with or without a time of day, in the device's time zone. */
function parseLocal(text: string): number | undefined {
  const match = DATE.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map((part) => Number(part ?? 0));
  if (hour! > 23 || minute! > 59 || second! > 59) return undefined;
  const date = new Date(year!, month! - 1, day!, hour, minute, second);
  return date.getMonth() === month! - 1 && date.getDate() === day! ? date.getTime() : undefined;
}

/** `2026-03-01 14:30` in the device's time zone. */
export function showTime(timestamp: string): string {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return timestamp;
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
