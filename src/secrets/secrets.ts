import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Clock, Fault, fileFault, formatTime, LIMITS, readIfThere } from "../base/mod.ts";

/** Where a secret was found. */
export type SecretSource = "env" | "file";
export type SecretsBackend = SecretSource | "chained";

/** A reading of a secret; never its value. */
export interface SecretRead {
  /** RFC 3339. */
  timestamp: string;
  key: string;
  /** The part of the node that asked. */
  reader: string;
  /** null: it was not there. */
  source: SecretSource | null;
}

export interface SecretsOptions {
  /** node.secrets_backend: `auto` is `chained` where a directory of secrets is there, else `env`. */
  backend: SecretsBackend | "auto";
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  /** Directories of secret files, the first that has one counts; tests put their own in their place. */
  directories?: readonly string[];
}

/** Secrets with names of their own, and the prefix of those that encrypt. */
export const API_KEY = "WW_API_KEY";
export const ADMIN_KEY = "WW_ADMIN_API_KEY";
export const EMBEDDER_KEY = "DWBASE_EMBEDDER_KEY";
export const STORAGE_KEY_PREFIX = "DWBASE_KEY_";
const KNOWN: readonly string[] = [API_KEY, ADMIN_KEY, EMBEDDER_KEY];

const NAME = /^[A-Za-z0-9_]{1,128}$/;
/** Where containers mount secrets. */
const RUN_SECRETS = "/run/secrets";

/** What systemd puts before the names of files of `LoadCredential=dwbase:<directory>`. */
const CREDENTIAL_PREFIX = "dwbase_";

/**
 * Looks secrets up where the backend says, and notes who asked for which one and when. Files are named as the key is,
 * in capitals or in small letters; a line end after the secret does not count, and an empty secret is none.
 */
export class Secrets {
  readonly backend: SecretsBackend;
  readonly directories: readonly string[];
  private readonly noted: SecretRead[] = [];
  private readonly found: ReadonlyMap<string, SecretSource>;

  /** Looks for the directories once: main does not touch the disk later. */
  constructor(private readonly options: SecretsOptions) {
    const { env, backend } = options;
    const credentials = env.CREDENTIALS_DIRECTORY;
    const places = options.directories ?? [...(credentials ? [credentials] : []), RUN_SECRETS];
    this.directories = places.filter(isDirectory);
    this.backend = backend !== "auto" ? backend : this.directories.length > 0 ? "chained" : "env";
    this.found = this.look();
  }

  /**
   * The secret, or undefined where there is none.
   * @param reader the part of the node that asks, for the list of readings
   * @throws Fault storage_error for a file that cannot be read, usage for one that is no secret
   */
  read(key: string, reader: string): string | undefined {
    const found = NAME.test(key) ? (this.fromFile(key) ?? this.fromEnv(key)) : undefined;
    this.note({
      timestamp: formatTime(this.options.clock.now()),
      key,
      reader,
      source: found?.source ?? null,
    });
    return found?.value;
  }

  /** Names of the secrets that were there at the start, with their sources. */
  keys(): { key: string; source: SecretSource }[] {
    return [...this.found].map(([key, source]) => ({ key, source })).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** The newest readings, oldest first. */
  get reads(): readonly SecretRead[] {
    return this.noted;
  }

  private note(read: SecretRead): void {
    this.noted.push(read);
    if (this.noted.length > LIMITS.secretReads) this.noted.shift();
  }

  private fromFile(key: string): { value: string; source: "file" } | undefined {
    if (this.backend === "env") return undefined;
    const names = [key, key.toLowerCase(), `${CREDENTIAL_PREFIX}${key}`];
    for (const path of this.directories.flatMap((dir) => names.map((name) => join(dir, name)))) {
      const value = readSecret(path);
      if (value !== "") return { value, source: "file" };
    }
    return undefined;
  }

  private fromEnv(key: string): { value: string; source: "env" } | undefined {
    const value = this.backend === "file" ? "" : (this.options.env[key]?.trim() ?? "");
    return value === "" ? undefined : { value, source: "env" };
  }

  private look(): Map<string, SecretSource> {
    const named = (key: string) => KNOWN.includes(key) || key.startsWith(STORAGE_KEY_PREFIX);
    const found = new Map<string, SecretSource>();
    const inEnv = this.backend === "file" ? [] : Object.keys(this.options.env);
    for (const key of inEnv) if (named(key) && this.fromEnv(key)) found.set(key, "env");
    const files = this.backend === "env" ? [] : this.directories.flatMap(namesIn);
    for (const name of files) {
      // a storage key in small letters begins like the prefix
      const keys = [name, name.replace(CREDENTIAL_PREFIX, "")].map((key) => key.toUpperCase());
      const key = keys.find(named);
      if (key) found.set(key, "file");
    }
    return found;
  }
}

function isDirectory(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (cause) {
    throw fileFault("list secrets", dir, cause);
  }
}

/** "" where there is none. */
function readSecret(path: string): string {
  if (!existsSync(path) || statSync(path).isDirectory()) return "";
  if (statSync(path).size > LIMITS.secretBytes) {
    throw new Fault(
      "usage",
      `${path} has more than ${LIMITS.secretBytes} bytes and is no secret; correct the file`,
    );
  }
  return readIfThere(path)?.trim() ?? "";
}
