const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Ms since the epoch of an RFC 3339 time (fractions are cut to ms), or undefined when it is not one. */
export function parseTime(text: string): number | undefined {
  const m = RFC3339.exec(text);
  if (!m) return undefined;
  const [, y, mo, d, h, mi, s, fraction = "", sign, oh = "0", om = "0"] = m;
  const parts = [
    Number(y),
    Number(mo) - 1,
    Number(d),
    Number(h),
    Number(mi),
    Math.min(59, Number(s)),
  ] as const;
  const offset = Number(oh) * 60 + Number(om);
  if (parts[3] > 23 || parts[4] > 59 || Number(s) > 60 || Number(oh) > 23 || Number(om) > 59)
    return undefined;
  const date = new Date(0);
  date.setUTCFullYear(parts[0], parts[1], parts[2]);
  date.setUTCHours(parts[3], parts[4], parts[5], Number(fraction.slice(0, 3).padEnd(3, "0")));
  if (date.getUTCMonth() !== parts[1] || date.getUTCDate() !== parts[2]) return undefined;
  return date.getTime() - (sign === "-" ? -offset : offset) * 60_000;
}

/** RFC 3339 UTC with milliseconds, e.g. 2026-03-01T12:00:00.000Z. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}
