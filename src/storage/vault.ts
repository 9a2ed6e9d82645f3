import type { Database } from "bun:sqlite";
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomFillSync } from "node:crypto";
import { decodeUtf8, encodeUtf8 } from "../base/mod.ts";

const CIPHER = "aes-256-gcm";
/** First byte of a sealed value: what it is when it is opened. */
const TEXT = 1;
const BYTES = 2;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What sealing adds to a value: format byte, nonce, tag. */
export const SEAL_BYTES = 1 + NONCE_BYTES + TAG_BYTES;
export const KEY_BYTES = 32;
const TOKEN_CHARS = 16;
/** Five bits a letter (RFC 4648, lower case): FTS5's ascii tokenizer leaves it as it is. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * One key and what it does to a store's bytes: AES-256-GCM for values, HMAC-SHA-256 for tokens and checksums. Each use
 * has a key of its own, derived by HKDF-SHA-256 (RFC 5869) without a salt: the key alone opens a store, whichever of
 * its pages is lost. Nonces are random, which is safe for 2^32 values under one key.
 */
export class Vault {
  private readonly values: Uint8Array;
  private readonly tokens: Uint8Array;
  private readonly sums: Uint8Array;
  /** Tells the right key from a wrong one and says nothing about it. */
  readonly check: Uint8Array;

  /** @param key KEY_BYTES random bytes */
  constructor(
    readonly keyId: string,
    key: Uint8Array,
  ) {
    const derive = (use: string): Uint8Array =>
      new Uint8Array(hkdfSync("sha256", key, new Uint8Array(), `dwbase ${use}`, KEY_BYTES));
    this.values = derive("values");
    this.tokens = derive("tokens");
    this.sums = derive("sums");
    this.check = derive("check").slice(0, 16);
  }

  /** The additional data of a value: what it is bound to. @param row its key, the sequence for an atom */
  place(column: string, row: readonly unknown[]): string {
    return JSON.stringify([this.keyId, column, ...row]);
  }

  /** @returns format byte, nonce, ciphertext, tag */
  seal(value: string | Uint8Array, place: string): Uint8Array<ArrayBuffer> {
    const format = typeof value === "string" ? TEXT : BYTES;
    const plain = typeof value === "string" ? encodeUtf8(value) : value;
    const out = new Uint8Array(plain.length + SEAL_BYTES);
    out[0] = format;
    const nonce = out.subarray(1, 1 + NONCE_BYTES);
    randomFillSync(nonce);
    const cipher = createCipheriv(CIPHER, this.values, nonce);
    cipher.setAAD(additional(format, place));
    out.set(cipher.update(plain), 1 + NONCE_BYTES);
    cipher.final();
    out.set(cipher.getAuthTag(), out.length - TAG_BYTES);
    return out;
  }

  /** The value, or undefined when it was changed, or sealed by another key or for another place. */
  open(sealed: Uint8Array, place: string): string | Uint8Array<ArrayBuffer> | undefined {
    const format = sealed[0];
    if (sealed.length < SEAL_BYTES || (format !== TEXT && format !== BYTES)) return undefined;
    const decipher = createDecipheriv(CIPHER, this.values, sealed.subarray(1, 1 + NONCE_BYTES));
    decipher.setAAD(additional(format, place));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    let plain: Uint8Array<ArrayBuffer>;
    try {
      plain = new Uint8Array(decipher.update(sealed.subarray(1 + NONCE_BYTES, -TAG_BYTES)));
      decipher.final();
    } catch {
      return undefined;
    }
    return format === BYTES ? plain : decodeUtf8(plain);
  }

  /** A token of the text index, or a key of a look-up table: 80 bits of an HMAC as 16 letters and digits. */
  token(plain: string): string {
    const mac = createHmac("sha256", this.tokens).update(plain).digest();
    let out = "";
    let bits = 0;
    let held = 0;
    for (let at = 0; out.length < TOKEN_CHARS; ) {
      if (held < 5) {
        bits = (bits << 8) | mac[at++]!;
        held += 8;
      }
      held -= 5;
      out += ALPHABET[bits >> held];
      bits &= (1 << held) - 1;
    }
    return out;
  }

  /** HMAC-SHA-256 cut to 128 bits. */
  sum(encoded: Uint8Array): Uint8Array {
    return new Uint8Array(createHmac("sha256", this.sums).update(encoded).digest().subarray(0, 16));
  }
}

function additional(format: number, place: string): Uint8Array {
  return encodeUtf8(`${format}${place}`);
}

const vaults = new WeakMap<Database, Vault>();

/** The vault of a connection's store; undefined when the store is not encrypted. */
export function vaultOf(db: Database): Vault | undefined {
  return vaults.get(db);
}

/** From now on the connection reads and writes sealed values. */
export function attachVault(db: Database, vault: Vault | undefined): void {
  if (vault) vaults.set(db, vault);
  else vaults.delete(db);
}

/** Space-separated tokens as they stand in a store's text index. */
export function storedTokens(vault: Vault | undefined, tokens: string): string {
  if (!vault || tokens === "") return tokens;
  return tokens
    .split(" ")
    .map((token) => vault.token(token))
    .join(" ");
}
