/** Rank 3: who may come in, what they may do, and how fast. */
export * from "./address.ts";
export * from "./admin-key.ts";
export * from "./authenticator.ts";
export {
  allowsWorld,
  CAPABILITIES,
  type Caller,
  type Capability,
  mayRead,
  maySession,
  mayWrite,
  mayWriteAll,
  requireCapability,
  requireSession,
  writeRefusal,
} from "./caller.ts";
export { checkKeyRequest, NewKeySchema } from "./key-request.ts";
export {
  type KeyKeeper,
  KeyRing,
  type KeyView,
  type MadeKey,
  type NewKey,
  type StoredKey,
} from "./key-ring.ts";
export { type KeyEntry, type KeyRecord, type KeyStore, keyDigest } from "./keys.ts";
export * from "./limiter.ts";
