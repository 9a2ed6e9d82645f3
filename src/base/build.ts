import manifest from "../../package.json" with { type: "json" };

/** Replaced at build time by `scripts/build.ts` (--define); run from source they fall back to these. */
declare const DWBASE_BUILD_MS: number | undefined;
declare const DWBASE_BUILD_COMMIT: string | undefined;

/** 2026-01-01, older than any release: a source checkout believes every clock after it. */
const SOURCE_DATE = Date.UTC(2026, 0, 1);

export const BUILD = {
  version: manifest.version as string,
  /** Build date in ms since the epoch: SOURCE_DATE_EPOCH, else the commit's time. */
  date: typeof DWBASE_BUILD_MS === "number" ? DWBASE_BUILD_MS : SOURCE_DATE,
  commit: typeof DWBASE_BUILD_COMMIT === "string" ? DWBASE_BUILD_COMMIT : "source",
} as const;
