import { Fault } from "../base/mod.ts";
import { CAPABILITIES, type Caller, type Capability, intersectWorlds } from "./caller.ts";
import { FixedKeys, type KeyEntry, type KeyRecord, type KeyStore, keyDigest } from "./keys.ts";
import { foreignBecause } from "./origin.ts";
import { WrongKeys } from "./wrong-keys.ts";

export interface Access {
  /** Whether the listener is a loopback address or a Unix socket. */
  loopback: boolean;
  allowAnonymous: "loopback" | "always" | "never";
  /** WW_ENVIRONMENT=production: as allowAnonymous "never". */
  production: boolean;
}

/** The node's bounds, which hold for every key too. */
export interface Bounds {
  readWorlds: readonly string[];
  writeWorlds: readonly string[];
  importanceCap: number;
}

export interface AuthenticatorOptions extends Access {
  keys: readonly KeyEntry[];
  /** Keys made at run time; asked after `keys`. */
  store?: KeyStore;
  security: Bounds;
  corsOrigins?: readonly string[];
  /** Waits that many ms; tests put their own in its place. */
  sleep?: (ms: number) => Promise<void>;
}

/** Whether requests without a key are let in; otherwise the node needs an admin key before it listens. */
export function isOpen(access: Access): boolean {
  if (access.production || access.allowAnonymous === "never") return false;
  return access.allowAnonymous === "always" || access.loopback;
}

/** A caller without what decides per request: the address. */
type Profile = Omit<Caller, "address" | "bucket">;

const EVERYTHING: ReadonlySet<Capability> = new Set(CAPABILITIES);
const ALL_BUT_ADMIN: ReadonlySet<Capability> = new Set(CAPABILITIES.filter((c) => c !== "admin"));

/** Decides who a request comes from. */
export class Authenticator {
  /** Whether requests without a key are let in. */
  readonly open: boolean;
  private readonly options: AuthenticatorOptions;
  private readonly stores: readonly KeyStore[];
  private readonly wrong: WrongKeys;
  private readonly anonymous: Profile;
  private readonly nobody: Profile;
  /** Profiles of keys seen; a store that hands out a new record gets a new profile. */
  private readonly profiles = new WeakMap<KeyRecord, Profile>();

  constructor(options: AuthenticatorOptions) {
    this.options = options;
    this.open = isOpen(options);
    const fixed = new FixedKeys(options.keys);
    this.stores = options.store ? [fixed, options.store] : [fixed];
    this.wrong = new WrongKeys(options.sleep ?? Bun.sleep);
    const { readWorlds, writeWorlds, importanceCap } = options.security;
    const anonymous = {
      name: "anonymous",
      admin: false,
      anonymous: true,
      readWorlds,
      writeWorlds,
      importanceCap,
      kinds: [],
      labels: [],
      sessions: [],
      rememberPerSec: 0,
    };
    this.anonymous = { ...anonymous, capabilities: ALL_BUT_ADMIN };
    this.nobody = { ...anonymous, capabilities: new Set() };
  }

  /**
   * The caller of a request from `address`. An exempt route asks for no key and looks at none; its caller has no
   * capability. A promise is returned only when a refusal is being delayed; it always rejects.
   * @throws Fault unauthenticated (a key is needed and none was sent), forbidden (a wrong key), or rate_limited (too
   * many wrong keys); the same by rejection.
   */
  authenticate(headers: Headers, address: string, route: { exempt: boolean }): Caller | Promise<Caller> {
    if (route.exempt) return { ...this.nobody, address, bucket: `address:${address}` };
    const general = bearerToken(headers) ?? nonEmpty(headers.get("x-api-key"));
    const adminOnly = nonEmpty(headers.get("x-admin-key"));
    if (general === undefined && adminOnly === undefined) return this.withoutKey(headers, address);

    // Every key that was sent must be right, and the stronger one counts.
    const first = general === undefined ? undefined : this.find(general);
    const second = adminOnly === undefined ? undefined : this.find(adminOnly);
    if ((general !== undefined && !first) || (adminOnly !== undefined && !second?.admin)) {
      return this.wrong.refuse(address);
    }
    const record = (second ?? first)!;
    return { ...this.profileOf(record), address, bucket: `key:${record.id ?? record.name}` };
  }

  private withoutKey(headers: Headers, address: string): Caller {
    if (!this.open) {
      throw new Fault(
        "unauthenticated",
        "this node needs a key; send it as X-API-Key or Authorization: Bearer",
      );
    }
    // "always" is the explicit way out, for example behind a proxy that does the authentication.
    if (this.options.allowAnonymous !== "always") {
      const foreign = foreignBecause(headers, this.options.corsOrigins ?? []);
      if (foreign !== undefined) {
        throw new Fault(
          "unauthenticated",
          `only local requests are let in without a key, and of this one ${foreign}; send a key as X-API-Key`,
        );
      }
    }
    return { ...this.anonymous, address, bucket: `address:${address}` };
  }

  private find(key: string): KeyRecord | undefined {
    const digest = keyDigest(key);
    for (const store of this.stores) {
      const record = store.find(digest);
      if (record) return record;
    }
    return undefined;
  }

  private profileOf(record: KeyRecord): Profile {
    const known = this.profiles.get(record);
    if (known) return known;
    const { security } = this.options;
    const own = record.capabilities ? new Set(record.capabilities) : ALL_BUT_ADMIN;
    const profile: Profile = {
      name: record.name,
      admin: record.admin,
      anonymous: false,
      capabilities: record.admin ? EVERYTHING : own,
      readWorlds: intersectWorlds(security.readWorlds, record.readWorlds ?? []),
      writeWorlds: intersectWorlds(security.writeWorlds, record.writeWorlds ?? []),
      importanceCap: Math.min(security.importanceCap, record.importanceCap ?? 1),
      kinds: record.kinds ?? [],
      labels: record.labels ?? [],
      worker: record.worker,
      sessions: record.sessions ?? [],
      rememberPerSec: record.rememberPerSec ?? 0,
      revoked: record.id === undefined ? undefined : () => record.revoked === true,
    };
    this.profiles.set(record, profile);
    return profile;
  }
}

function bearerToken(headers: Headers): string | undefined {
  const header = headers.get("authorization");
  return header === null ? undefined : nonEmpty(/^Bearer +(.*)$/i.exec(header)?.[1] ?? "");
}

function nonEmpty(value: string | null): string | undefined {
  const trimmed = value?.trim();
  return trimmed ? trimmed : undefined;
}
