import pino from "pino";
import { LineStream } from "./line-stream.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Logger = pino.Logger;

/** The log with what only its owner needs. */
export interface Log {
  logger: Logger;
  /** Lines that could not be written since the start. */
  dropped(): number;
  /** Resolves when everything is written, or after `ms`; call it before the process ends. */
  flush(ms: number): Promise<void>;
}

const STDOUT = 1;
const SECRET_HEADERS = ["authorization", '["x-api-key"]', '["x-admin-key"]'];

/**
 * A log of JSON lines on stdout that neither blocks nor ends the process when stdout is slow, full or closed.
 * Keys in headers are redacted. Remembered text and questions must not be passed to it.
 * @param options.write takes the lines instead of stdout.
 */
export function createLogger(options: { level: LogLevel; write?: (line: string) => void }): Log {
  const stdout = new LineStream(STDOUT);
  const write = options.write ?? ((line: string) => stdout.write(line));
  const logger = pino(
    {
      level: options.level,
      // No pid and host name: the journal knows both.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      redact: ["headers", "req.headers"].flatMap((at) =>
        SECRET_HEADERS.map((name) => (name.startsWith("[") ? at + name : `${at}.${name}`)),
      ),
    },
    { write },
  );
  return { logger, dropped: () => stdout.dropped, flush: (ms) => stdout.flush(ms) };
}
