import { equalSecret } from "../base/mod.ts";
import type { Capability } from "./caller.ts";

/** What is known of a key; lists that are absent set no bound of their own. */
export interface KeyRecord {
  name: string;
  /** Of a key that was made at run time; what shares its rate and its Idempotency-Keys. */
  id?: string;
  /** Set when it is revoked, for requests that are under way. */
  revoked?: boolean;
  admin: boolean;
  /** Absent: everything but admin, or everything for an admin key. */
  capabilities?: readonly Capability[];
  readWorlds?: readonly string[];
  writeWorlds?: readonly string[];
  importanceCap?: number;
  kinds?: readonly string[];
  labels?: readonly string[];
  worker?: string;
  sessions?: readonly string[];
  rememberPerSec?: number;
}

/** Where keys are looked up; only their SHA-256 is ever kept. */
export interface KeyStore {
  /** The key whose SHA-256 is `digest` (32 bytes), or undefined. Must not leak by its time how near a guess is. */
  find(digest: Uint8Array): KeyRecord | undefined;
}

/** A key given by configuration, in clear or as SHA-256. */
export type KeyEntry = KeyRecord & ({ key: string } | { sha256: Uint8Array });

export function keyDigest(key: string): Uint8Array {
  return Bun.SHA256.hash(key) as Uint8Array;
}

/** The few keys that come from the environment and the secrets directory. */
export class FixedKeys implements KeyStore {
  private readonly entries: { record: KeyRecord; digest: Uint8Array }[];

  constructor(entries: readonly KeyEntry[]) {
    this.entries = entries.map((entry) => {
      const { key, sha256, ...record } = entry as KeyRecord & { key?: string; sha256?: Uint8Array };
      return { record, digest: sha256 ?? keyDigest(key ?? "") };
    });
  }

  find(digest: Uint8Array): KeyRecord | undefined {
    let found: KeyRecord | undefined;
    // Every entry is compared, so that the time tells nothing about which one matched.
    for (const entry of this.entries) {
      if (equalSecret(entry.digest, digest)) found = entry.record;
    }
    return found;
  }
}
