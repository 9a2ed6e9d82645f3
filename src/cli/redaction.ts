import type { Env } from "../config/mod.ts";

const REDACTED = "[redacted]";
const SECRET_NAME = /KEY|SECRET|TOKEN|PASS|CREDENTIAL|AUTH/i;
/** Shorter values would take ordinary words out of the text. */
const LEAST_CHARS = 6;

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // a header, in a log line or a curl command
  [/\b(bearer|apikey|basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  [
    /\b(x-api-key|x-admin-key|authorization|api[_-]?key|password|passwd|secret|token)(["']?\s*[:=]\s*["']?)[^\s"',;&]{4,}/gi,
    `$1$2${REDACTED}`,
  ],
  // user and password of an address
  [/([a-z][a-z0-9+.-]*:\/\/)[^/\s"'@]+@/gi, `$1${REDACTED}@`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, REDACTED],
  // 256 bits in hex or base64, as our own keys are
  [/\b[0-9a-f]{64}\b/gi, REDACTED],
  [/(?<![\w-])[\w-]{43}=?(?![\w-])/g, REDACTED],
];

/**
 * Takes secrets out of texts: the values of variables whose names speak of keys, those given by hand, and what looks
 * like a key, a password or a private key.
 */
export class Redactor {
  private readonly known: string[];

  constructor(env: Env, more: readonly (string | undefined)[] = []) {
    const named = Object.entries(env).flatMap(([name, value]) => (SECRET_NAME.test(name) ? [value] : []));
    this.known = [...named, ...more]
      .map((value) => value?.trim() ?? "")
      .filter((value) => value.length >= LEAST_CHARS)
      .sort((a, b) => b.length - a.length);
  }

  clean(text: string): string {
    let clean = text;
    for (const secret of this.known) clean = clean.replaceAll(secret, REDACTED);
    for (const [pattern, instead] of PATTERNS) clean = clean.replace(pattern, instead);
    return clean;
  }
}
