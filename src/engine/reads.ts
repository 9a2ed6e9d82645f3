import { type Atom, atomJson, encodeMsgpack, unknownAtom, unknownWorld } from "../atom/mod.ts";
import { mayRead } from "../auth/mod.ts";
import { concatBytes, encodeUtf8, isId, LIMITS } from "../base/mod.ts";
import type { MemorySettings } from "../memory/mod.ts";
import { type Recalled, recall, type SemanticSearch } from "../recall/mod.ts";
import { type AtomRow, atomOf, type StoreReader, type WorldRow } from "../storage/mod.ts";
import { indexRows, type VectorState } from "./index-status.ts";
import { memoryRoom } from "./memory-room.ts";
import type { Reach, ReadBody } from "./protocol.ts";
import { callerOf } from "./reach.ts";
import type { Format } from "./types.ts";

export interface Read {
  bytes: Uint8Array<ArrayBuffer>;
  next?: string;
}

function encode(value: unknown, format: Format): Uint8Array<ArrayBuffer> {
  return format === "json" ? encodeUtf8(JSON.stringify(value)) : encodeMsgpack(value);
}

function encodeAtom(atom: Atom, format: Format): Uint8Array<ArrayBuffer> {
  return format === "json" ? encodeUtf8(atomJson(atom)) : encodeMsgpack(atom);
}

/** An array whose elements are encoded already. */
function arrayOf(parts: readonly Uint8Array[], format: Format): Uint8Array<ArrayBuffer> {
  if (format === "json") {
    const comma = encodeUtf8(",");
    const joined = parts.flatMap((part, at) => (at === 0 ? [part] : [comma, part]));
    return concatBytes([encodeUtf8("["), ...joined, encodeUtf8("]")]);
  }
  // MessagePack's array 16 header: 0xdc and the count, big endian; a page never has more elements
  return concatBytes([Uint8Array.of(0xdc, parts.length >> 8, parts.length & 255), ...parts]);
}

/** Cursors are sequences in base 36: opaque to clients, stable over restarts. */
function sequenceOf(cursor: string | undefined): number {
  return cursor === undefined ? 0 : Number.parseInt(cursor, 36);
}

function worldFor(reader: StoreReader, name: string): WorldRow {
  const world = reader.liveWorld(name);
  if (!world) throw unknownWorld(name);
  return world;
}

function replay(reader: StoreReader, body: Extract<ReadBody, { op: "replay" }>): Read {
  const { request, format } = body;
  const world = worldFor(reader, request.world);
  const limit = Math.min(request.filter?.limit ?? LIMITS.replayAtoms, LIMITS.replayAtoms);
  const page = reader.replay(world, request.filter ?? {}, sequenceOf(request.after), limit, (row: AtomRow) =>
    encodeAtom(atomOf(row, world.name), format),
  );
  const bytes = arrayOf(page.atoms, format);
  return page.next === undefined ? { bytes } : { bytes, next: page.next.toString(36) };
}

function get(reader: StoreReader, id: string, reach: Reach, format: Format): Read {
  const row = isId(id) ? reader.atomById(id) : undefined;
  const world = row && reader.worldOf(row.world);
  if (row && world && world.state !== 2 && mayRead(callerOf(reach), world.name)) {
    return { bytes: encodeAtom(atomOf(row, world.name), format) };
  }
  throw unknownAtom(id);
}

function worlds(reader: StoreReader, body: Extract<ReadBody, { op: "worlds" }>): Read {
  const caller = callerOf(body.reach);
  const listed: unknown[] = [];
  for (const world of reader.worlds()) {
    if (!mayRead(caller, world.name) || (world.state === 1 && !body.archived)) continue;
    listed.push(
      body.counts
        ? {
            name: world.name,
            atoms: world.atoms,
            bytes: world.bytes,
            archived: world.state === 1,
            description: world.description === "" ? null : world.description,
            labels: JSON.parse(world.labels),
          }
        : world.name,
    );
  }
  return { bytes: encode(listed, body.format) };
}

function indexStatus(reader: StoreReader, vectors: VectorState, reach: Reach, format: Format): Read {
  const caller = callerOf(reach);
  const shown = Iterator.from(reader.worlds()).filter(({ name }) => mayRead(caller, name));
  return { bytes: encode(indexRows(reader, shown, vectors), format) };
}

const TEXT_DAMAGED = "the text index is damaged: some memories may be found by meaning alone, or not at all";
const DROPPED = "the answer was cut to 4 MiB; the lowest-ranked memories are left out";

/** The answer to an ask, at most LIMITS.askAnswerBytes: the tail is dropped with a warning. */
function askAnswer(found: Recalled, explain: boolean, format: Format): Uint8Array<ArrayBuffer> {
  const atoms: Atom[] = [];
  const warnings = [...found.warnings];
  let bytes = 64 * 1024;
  for (const row of found.supporting) {
    const atom = atomOf(row, found.world);
    bytes += encodeUtf8(atomJson(atom)).length;
    if (bytes > LIMITS.askAnswerBytes) {
      warnings.push(DROPPED);
      break;
    }
    atoms.push(atom);
  }
  const answer = {
    world: found.world,
    text: found.text,
    supporting_atoms: atoms,
    warnings,
    mode: found.mode,
  };
  return encode(explain ? { ...answer, scores: found.scores.slice(0, atoms.length) } : answer, format);
}

/** What a read works with. */
export interface ReadContext {
  reader: StoreReader;
  vectors: VectorState;
  semantic: SemanticSearch;
  memory: MemorySettings;
  now: number;
  checkDeadline: () => void;
  /** A stage of the work is over: for a trace. */
  mark: (stage: string) => void;
}

/** Carries out one read on a snapshot. @throws Fault */
export function applyRead(context: ReadContext, body: ReadBody): Read {
  const { reader, vectors, memory: settings, ...options } = context;
  switch (body.op) {
    case "ask": {
      worldFor(reader, body.request.world);
      const found = recall(reader, body.request, options);
      if (reader.textDamaged) found.warnings.push(TEXT_DAMAGED);
      return { bytes: askAnswer(found, body.request.explain ?? false, body.format) };
    }
    case "replay":
      return replay(reader, body);
    case "get":
      return get(reader, body.id, body.reach, body.format);
    case "worlds":
      return worlds(reader, body);
    case "index_status":
      return indexStatus(reader, vectors, body.reach, body.format);
    case "memory": {
      const view = { reader, session: body.session, settings, options };
      return { bytes: encode(memoryRoom().readMemory(view, body.request), body.format) };
    }
  }
}
