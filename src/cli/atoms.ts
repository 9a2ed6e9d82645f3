import type { Atom } from "../atom/mod.ts";
import { atomText } from "../text/mod.ts";

/** Whether everything that a payload holds is in its text: a string, or an object of strings alone. */
function isAllText(payloadJson: string): boolean {
  try {
    const payload: unknown = JSON.parse(payloadJson);
    if (typeof payload === "string") return true;
    return (
      typeof payload === "object" &&
      payload !== null &&
      Object.values(payload).every((v) => typeof v === "string")
    );
  } catch {
    return true;
  }
}

/** What an atom says, as a person reads it: its text, or the payload itself where numbers would be lost. */
export function textOf(atom: Atom): string {
  return isAllText(atom.payload_json) ? atomText(atom.payload_json, atom.worker).text : atom.payload_json;
}

/** A record of a listing in a pipe: time, id, worker, kind, text. */
export function atomRow(atom: Atom): string[] {
  return [atom.timestamp, atom.id, atom.worker, atom.kind, textOf(atom)];
}
