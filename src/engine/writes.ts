import { encodeMsgpack, type NewAtom, type PolicyRequest, unknownAtom } from "../atom/mod.ts";
import { mayRead, mayWrite } from "../auth/mod.ts";
import { bytesToId, Fault, toWire } from "../base/mod.ts";
import type { FlagReader } from "../control/mod.ts";
import type { MemorySettings } from "../memory/mod.ts";
import {
  audit,
  createKey,
  findAtom,
  forgetAtom,
  insertAtom,
  keepAnswer,
  listKeys,
  manageWorld,
  readControl,
  recallAnswer,
  revokeKey,
  setPolicy,
  type WriteContext,
  writeControl,
} from "../storage/mod.ts";
import { memoryRoom } from "./memory-room.ts";
import type { OwnWrite, Reach, WriteBody } from "./protocol.ts";
import { callerOf } from "./reach.ts";
import type { BatchItem, Format, Refused } from "./types.ts";

/** An answer of the writer: a value to encode, or finished text. */
export interface Written {
  status: number;
  bytes: string | Uint8Array<ArrayBuffer>;
}

function encode(json: string, format: Format): Written {
  return { status: 200, bytes: format === "json" ? json : encodeMsgpack(JSON.parse(json)) };
}

function remember(ctx: WriteContext, body: Extract<WriteBody, { op: "remember" }>): Written {
  return once(ctx, body, () => JSON.stringify(bytesToId(insertAtom(ctx, body.atom))));
}

/** Makes a request with an Idempotency-Key happen once: its answer is kept with what it wrote. */
function once(
  ctx: WriteContext,
  body: Extract<WriteBody, { op: "remember" | "batch" }>,
  make: () => string,
): Written {
  const known = body.idem && recallAnswer(ctx, body.idem);
  if (known !== undefined) return encode(known, body.format);
  const answer = make();
  if (body.idem) keepAnswer(ctx, body.idem, answer);
  return encode(answer, body.format);
}

type ItemOutcome = { id: string } | Refused;

function isRefused(item: BatchItem): item is Refused {
  return "code" in item;
}

/** One item of a batch: its own fault is its own answer. */
function rememberItem(ctx: WriteContext, item: BatchItem): ItemOutcome {
  if (isRefused(item)) return item;
  try {
    return { id: bytesToId(insertAtom(ctx, item satisfies NewAtom)) };
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.status >= 500) throw cause;
    const { code, message } = toWire(cause);
    return { code, error: message };
  }
}

function batch(ctx: WriteContext, body: Extract<WriteBody, { op: "batch" }>): Written {
  return once(ctx, body, () => {
    const outcomes = body.items.map((item) => rememberItem(ctx, item));
    const errors = outcomes.flatMap((o, index) =>
      "id" in o ? [] : [{ index, code: o.code, error: o.error }],
    );
    return JSON.stringify({ ids: outcomes.map((o) => ("id" in o ? o.id : null)), errors });
  });
}

function lines(ctx: WriteContext, body: Extract<WriteBody, { op: "lines" }>): Written {
  let text = "";
  body.items.forEach((item, at) => {
    text += `${JSON.stringify({ index: body.first + at, ...rememberItem(ctx, item) })}\n`;
  });
  return { status: 200, bytes: text };
}

function forget(ctx: WriteContext, id: string, reach: Reach): Written {
  const caller = callerOf(reach);
  const row = findAtom(ctx.db, id);
  const world = row && ctx.worlds.get(row.world);
  if (!row || !world || world.state === 2 || !mayRead(caller, world.name)) {
    throw unknownAtom(id);
  }
  if (!mayWrite(caller, world.name)) {
    throw new Fault(
      "capability_denied",
      `the key may not forget in world "${world.name}"; use a key that may write it`,
    );
  }
  forgetAtom(ctx, row, reach.name);
  audit(ctx, { action: "forget", actor: reach.name, target: id, detail: `in world ${world.name}` });
  return { status: 204, bytes: "" };
}

const OWN: ReadonlySet<string> = new Set([
  "control_load",
  "control_save",
  "audit",
  "keys_load",
  "key_create",
  "key_revoke",
] satisfies OwnWrite["op"][]);

export function isOwn(body: WriteBody): body is OwnWrite {
  return OWN.has(body.op);
}

/** What the node writes of itself and for control and keys. */
export function applyOwnWrite(ctx: WriteContext, body: OwnWrite): Written {
  const json = (text: string): Written => ({ status: 200, bytes: text });
  switch (body.op) {
    case "control_load":
      return json(readControl(ctx.db) ?? "null");
    case "control_save":
      writeControl(ctx.db, JSON.stringify(body.state));
      audit(ctx, body.act);
      return json("null");
    case "audit":
      audit(ctx, body.event);
      return json("null");
    case "keys_load":
      return json(JSON.stringify(listKeys(ctx.db)));
    case "key_create":
      return json(JSON.stringify(createKey(ctx, body.key, body.sha256, body.by)));
    case "key_revoke":
      revokeKey(ctx, body.id, body.by);
      return json("null");
  }
}

/** A policy holds numbers and names of nodes, no text. */
function policyDetail({ world: _, ...policy }: PolicyRequest): string {
  return JSON.stringify(policy);
}

function memory(
  ctx: WriteContext,
  { session, request, format }: Extract<WriteBody, { op: "memory" }>,
  settings: MemorySettings,
  flags: FlagReader,
): Written {
  const { status, body } = memoryRoom().writeMemory(ctx, session, request, settings, flags);
  return {
    ...encode(body === undefined ? "" : JSON.stringify(body), body === undefined ? "json" : format),
    status,
  };
}

/** Carries out one write in the running transaction. @throws Fault before anything is changed */
export function applyWrite(
  ctx: WriteContext,
  body: Exclude<WriteBody, OwnWrite>,
  settings: MemorySettings,
  flags: FlagReader,
): Written {
  switch (body.op) {
    case "remember":
      return remember(ctx, body);
    case "batch":
      return batch(ctx, body);
    case "lines":
      return lines(ctx, body);
    case "forget":
      return forget(ctx, body.id, body.reach);
    case "memory":
      return memory(ctx, body, settings, flags);
    case "world":
      manageWorld(ctx, body.request);
      audit(ctx, {
        action: "world",
        actor: body.by,
        target: body.request.world,
        detail: body.request.action,
      });
      return encode("null", body.format);
    case "policy": {
      const id = setPolicy(ctx, body.request);
      const { request, by } = body;
      audit(ctx, { action: "policy", actor: by, target: request.world, detail: policyDetail(request) });
      return encode(JSON.stringify(id), body.format);
    }
  }
}
