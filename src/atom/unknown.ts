import { Fault, isId } from "../base/mod.ts";
import { describe } from "./fields.ts";

/** Also of an id that the caller may not read, and of one that was forgotten: nobody learns which. */
export function unknownAtom(id: string): Fault {
  const named = isId(id) ? id : describe(id);
  return new Fault("not_found", `there is no atom ${named}; check the id, or it was forgotten`);
}

export function unknownWorld(name: string): Fault {
  return new Fault(
    "not_found",
    `there is no world "${name}"; check its name, or remember something in it, which makes it`,
  );
}
