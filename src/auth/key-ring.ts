import { Fault } from "../base/mod.ts";
import { newKey } from "./admin-key.ts";
import type { Capability } from "./caller.ts";
import { type KeyRecord, type KeyStore, keyDigest } from "./keys.ts";

/** A key that is to be made, and what it may do; lists that are absent or empty set no bound of their own. */
export interface NewKey {
  name: string;
  capabilities: Capability[];
  read_worlds?: string[];
  write_worlds?: string[];
  kinds?: string[];
  labels?: string[];
  worker?: string;
  sessions?: string[];
  importance_cap?: number;
  remember_per_sec?: number;
}

/** A key as it is kept. */
export interface StoredKey extends NewKey {
  id: string;
  /** RFC 3339. */
  created_at: string;
  /** In hex. */
  sha256: string;
}

/** A key as it is shown. */
export type KeyView = Omit<StoredKey, "sha256">;

/** A key that was just made: the only time that it is shown. */
export interface MadeKey {
  id: string;
  name: string;
  key: string;
}

/** Where keys are kept. Changes are durable, and in the audit log, when the promise resolves. */
export interface KeyKeeper {
  loadKeys(): Promise<StoredKey[]>;
  /** @throws Fault conflict by rejection when the name is taken */
  saveKey(key: NewKey, sha256: string, by: string): Promise<StoredKey>;
  /** @throws Fault not_found by rejection */
  dropKey(id: string, by: string): Promise<void>;
}

/**
 * The keys that were made at run time, in main's memory: a request's key is looked up by its SHA-256, so that neither
 * the disk nor a slow hash is on its path. A key is 256 random bits, which no guessing reaches.
 */
export class KeyRing implements KeyStore {
  private readonly bySha = new Map<string, { stored: StoredKey; record: KeyRecord }>();
  private keeper: KeyKeeper | undefined;

  /** Takes the kept keys over. */
  async open(keeper: KeyKeeper): Promise<void> {
    for (const key of await keeper.loadKeys()) this.add(key);
    this.keeper = keeper;
  }

  /** @throws Fault overloaded while the kept keys are not read yet: nobody knows whether this is one */
  find(digest: Uint8Array): KeyRecord | undefined {
    this.kept();
    return this.bySha.get(digest.toHex())?.record;
  }

  list(): KeyView[] {
    return [...this.bySha.values()].map(({ stored: { sha256: _, ...view } }) => view);
  }

  /** @throws Fault conflict, overloaded while the node starts; by rejection */
  async create(key: NewKey, by: string): Promise<MadeKey> {
    const secret = newKey();
    const stored = await this.kept().saveKey(key, keyDigest(secret).toHex(), by);
    this.add(stored);
    return { id: stored.id, name: stored.name, key: secret };
  }

  /** From the answer on the key lets nobody in. @throws Fault not_found by rejection */
  async revoke(id: string, by: string): Promise<void> {
    await this.kept().dropKey(id, by);
    for (const [sha256, { stored, record }] of this.bySha) {
      if (stored.id !== id) continue;
      record.revoked = true;
      this.bySha.delete(sha256);
    }
  }

  private kept(): KeyKeeper {
    if (this.keeper) return this.keeper;
    throw new Fault("overloaded", "the node is starting; try again in 1 s", { retryAfter: 1 });
  }

  private add(stored: StoredKey): void {
    const { name, capabilities } = stored;
    const record: KeyRecord = {
      name,
      id: stored.id,
      admin: capabilities.includes("admin"),
      capabilities,
      readWorlds: stored.read_worlds ?? [],
      writeWorlds: stored.write_worlds ?? [],
      kinds: stored.kinds ?? [],
      labels: stored.labels ?? [],
      sessions: stored.sessions ?? [],
      importanceCap: stored.importance_cap ?? 1,
      rememberPerSec: stored.remember_per_sec ?? 0,
      ...(stored.worker === undefined ? {} : { worker: stored.worker }),
    };
    this.bySha.set(stored.sha256, { stored, record });
  }
}
