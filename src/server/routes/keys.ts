import { Type } from "@sinclair/typebox";
import { field, IdSchema } from "../../atom/mod.ts";
import { checkKeyRequest, type NewKey, NewKeySchema } from "../../auth/mod.ts";
import { Fault, isId } from "../../base/mod.ts";
import type { Exchange } from "../exchange.ts";
import { guarded, type Route } from "../route.ts";

const MadeKeySchema = Type.Object({ id: IdSchema, name: Type.String(), key: Type.String() });
const KeyViewSchema = Type.Object({
  ...NewKeySchema.properties,
  id: IdSchema,
  created_at: Type.String({ format: "date-time" }),
});

/** @throws Fault not_found when it is not a UUID: no key can have it. */
function idOf({ params }: Exchange): string {
  // null where the path is no percent-encoding
  const id = params.id ?? "";
  if (!isId(id)) throw new Fault("not_found", `there is no key ${field.describe(id)}; GET /keys lists them`);
  return id.toLowerCase();
}

const create = guarded<NewKey>({
  method: "POST",
  path: "/keys",
  tag: "keys",
  access: "admin",
  summary: "Make a key",
  description: "The key is shown in this answer and never again; the node keeps its SHA-256.",
  body: { schema: NewKeySchema, check: checkKeyRequest },
  answer: { status: 200, description: "The key.", schema: MadeKeySchema },
  faults: ["conflict", "disk_full"],
  run: async ({ exchange, caller, input }) =>
    exchange.value(200, await exchange.shared.keys.create(input, caller.name)),
});

const list = guarded<undefined>({
  method: "GET",
  path: "/keys",
  tag: "keys",
  access: "admin",
  summary: "List the keys that were made here",
  description: "Keys of the environment and the admin key of the first start are not among them.",
  answer: { status: 200, description: "What each may do; never a key.", schema: Type.Array(KeyViewSchema) },
  run: async ({ exchange }) => exchange.value(200, exchange.shared.keys.list()),
});

const revoke = guarded<string>({
  method: "DELETE",
  path: "/keys/:id",
  params: { id: "Id of a key." },
  tag: "keys",
  access: "admin",
  summary: "Revoke a key",
  description: "From the answer on it lets nobody in.",
  parameters: idOf,
  answer: { status: 204, description: "It is revoked." },
  faults: ["not_found"],
  async run({ exchange, caller, input }) {
    await exchange.shared.keys.revoke(input, caller.name);
    return exchange.answer(204, null, exchange.headers());
  },
});

// Not marked as writing: keys can be made and revoked while a panic level or read_only_mode stops what callers write.
export const keyRoutes: readonly Route[] = [create, list, revoke];
