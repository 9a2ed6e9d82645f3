import type { Caller, Capability } from "../auth/mod.ts";
import type { Reach } from "./protocol.ts";

/** The part of a caller that crosses to a thread. */
export function reachOf(caller: Caller): Reach {
  return {
    name: caller.name,
    admin: caller.admin,
    readWorlds: caller.readWorlds,
    writeWorlds: caller.writeWorlds,
    capabilities: [...caller.capabilities],
  };
}

/** The other way round, enough to judge what the caller may see. */
export function callerOf(reach: Reach): Caller {
  return {
    ...reach,
    capabilities: new Set(reach.capabilities as Capability[]),
    anonymous: false,
    importanceCap: 1,
    kinds: [],
    labels: [],
    sessions: [],
    rememberPerSec: 0,
    address: "",
    bucket: "",
  };
}
