import type { Database } from "bun:sqlite";
import { decodeUtf8, encodeUtf8, equalSecret, Fault } from "../base/mod.ts";
import { readMeta, writeMeta } from "./meta.ts";
import { KEY_BYTES, Vault } from "./vault.ts";

/** The keys at hand, in a form that crosses threads. */
export interface Keyring {
  /** Id of the key that the store must be encrypted by; absent: as the store is, and a new one is not encrypted. */
  wanted?: string;
  /** Keys as 64 hex digits, by id. */
  keys: Readonly<Record<string, string>>;
}

const PREFIX = "DWBASE_KEY_";

/**
 * The keys of an environment, DWBASE_KEY_<KEY_ID> each.
 * @param wanted id of the key that the configuration names, or ""
 * @param lookup where else a key may lie, by the name of its variable; asked for the wanted one first
 */
export function keyringOf(
  env: Readonly<Record<string, string | undefined>>,
  wanted = "",
  lookup: (name: string) => string | undefined = () => undefined,
): Keyring {
  const keys: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (name.startsWith(PREFIX) && value) keys[name.slice(PREFIX.length)] = value;
  }
  if (wanted === "") return { keys };
  const found = lookup(PREFIX + wanted);
  return { wanted, keys: found === undefined ? keys : { ...keys, [wanted]: found } };
}

/**
 * @param what is encrypted by it, as the subject of a sentence
 * @param check what the store has to tell a wrong key by
 * @throws Fault forbidden when the key is not at hand, no key, or the wrong one
 */
export function vaultOfKey(ring: Keyring, keyId: string, what: string, check?: Uint8Array): Vault {
  const given = ring.keys[keyId] ?? ring.keys[keyId.toUpperCase()];
  const hint = `set ${PREFIX}${keyId} to its ${KEY_BYTES * 2} hex digits`;
  if (given === undefined) throw refused(`${what} is encrypted by the key "${keyId}": ${hint}`);
  if (!/^[0-9a-f]{64}$/i.test(given.trim())) throw refused(`the key "${keyId}" is no key: ${hint}`);
  const vault = new Vault(keyId, Uint8Array.fromHex(given.trim()));
  if (check && !equalSecret(vault.check, check)) {
    throw refused(`the key "${keyId}" is not the one that ${what} is encrypted by: give the right one`);
  }
  return vault;
}

function refused(message: string): Fault {
  return new Fault("forbidden", message, { op: "open database" });
}

const KEY_ID = "key_id";
const CHECK = "key_check";

/** What a store tells of its key. @param read an entry of `meta` */
export function readKeyRecord(read: (key: string) => Uint8Array | undefined): {
  keyId: string | undefined;
  check: Uint8Array | undefined;
} {
  const id = read(KEY_ID);
  return { keyId: id && decodeUtf8(id), check: read(CHECK) };
}

/** Id of the key that a store is encrypted by. @throws Fault storage_error when the record is damaged */
export function keyIdOf(db: Database): string | undefined {
  const id = readMeta(db, KEY_ID);
  return id && decodeUtf8(id);
}

/** Notes in the running transaction by which key the store is encrypted. */
export function writeKeyRecord(db: Database, vault: Vault): void {
  writeMeta(db, KEY_ID, encodeUtf8(vault.keyId));
  writeMeta(db, CHECK, vault.check);
}

/** Entries of `meta` that `writeKeyRecord` makes. */
export const KEY_RECORD: readonly string[] = [KEY_ID, CHECK];

/** The vault of a new store, if it is to be encrypted. @throws Fault forbidden */
export function newVault(ring: Keyring): Vault | undefined {
  return ring.wanted === undefined ? undefined : vaultOfKey(ring, ring.wanted, "the new store");
}

/**
 * The vault of a store that is there; undefined when it is not encrypted.
 * @throws Fault forbidden when its key is missing or wrong, or not the wanted one; storage_error when the record of
 *   the key is damaged
 */
export function vaultOfStore(db: Database, ring: Keyring, path: string): Vault | undefined {
  const keyId = keyIdOf(db);
  const { wanted } = ring;
  if (wanted !== undefined && wanted !== keyId) {
    const state = keyId === undefined ? "is not encrypted" : `is encrypted by the key "${keyId}"`;
    throw refused(`${path} ${state}: stop the node and run "dwbase storage rekey --to ${wanted}"`);
  }
  if (keyId === undefined) return undefined;
  return vaultOfKey(ring, keyId, path, readMeta(db, CHECK));
}
