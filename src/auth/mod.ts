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
  mayWrite,
  requireCapability,
} from "./caller.ts";
export type { KeyEntry, KeyRecord, KeyStore } from "./keys.ts";
export * from "./limiter.ts";
