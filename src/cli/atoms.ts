import type { Atom } from "../atom/mod.ts";
import { atomText } from "../text/mod.ts";

/** What an atom says, as a person reads it. */
export function textOf(atom: Atom): string {
  return atomText(atom.payload_json, atom.worker).text;
}

/** A record of a listing in a pipe: time, id, worker, kind, text. */
export function atomRow(atom: Atom): string[] {
  return [atom.timestamp, atom.id, atom.worker, atom.kind, textOf(atom)];
}
