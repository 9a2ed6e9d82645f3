import { Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { BUILD, encodeUtf8, Fault, LIMITS } from "../base/mod.ts";
import type { StoreFacts } from "../storage/mod.ts";

export const FORMAT_VERSION = 1;
/** The members of an archive, in this order. */
export const METADATA_PATH = "metadata.json";
export const DATABASE_PATH = "data/dwbase.db";

const MetadataSchema = Type.Object({
  format_version: Type.Integer({ minimum: 1 }),
  created_at: Type.String({ pattern: "^\\d{4,6}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$" }),
  node_id: Type.String({ maxLength: 64 }),
  dwbase_version: Type.String({ maxLength: 64 }),
  schema_version: Type.Integer({ minimum: 1 }),
  counts: Type.Object({ atoms: Type.Integer({ minimum: 0 }), worlds: Type.Integer({ minimum: 0 }) }),
  files: Type.Array(
    Type.Object({
      path: Type.String(),
      bytes: Type.Integer({ minimum: 0 }),
      sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }),
    }),
    { maxItems: 16 },
  ),
  index: Type.Array(Type.Unknown()),
});

/** What an archive says of its content. */
export interface Metadata {
  format_version: number;
  created_at: string;
  node_id: string;
  dwbase_version: string;
  schema_version: number;
  counts: { atoms: number; worlds: number };
  files: { path: string; bytes: number; sha256: string }[];
  /** What /index/status said, or [] when the node was not reachable. */
  index: unknown[];
}

const checker = TypeCompiler.Compile(MetadataSchema);

export function describe(
  facts: StoreFacts,
  file: { bytes: number; sha256: string },
  index: unknown[],
  now: number,
): Metadata {
  return {
    format_version: FORMAT_VERSION,
    created_at: new Date(now).toISOString(),
    node_id: facts.nodeId,
    dwbase_version: BUILD.version,
    schema_version: facts.schemaVersion,
    counts: { atoms: facts.atoms, worlds: facts.worlds },
    files: [{ path: DATABASE_PATH, ...file }],
    index,
  };
}

/**
 * The text of metadata.json. The index, which is there for information, is left out when a node of very many worlds
 * says more of it than a reader would take.
 */
export function encodeMetadata(metadata: Metadata): Buffer {
  const text = encodeUtf8(`${JSON.stringify(metadata, null, 2)}\n`);
  if (text.length > LIMITS.backupMetadataBytes) return encodeMetadata({ ...metadata, index: [] });
  return Buffer.from(text.buffer, text.byteOffset, text.length);
}

/** @throws Fault damaged when the text is no metadata, or of a format that this program does not know */
export function parseMetadata(text: string): Metadata {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Fault("damaged", "the archive's metadata is not JSON; take another backup");
  }
  if (!checker.Check(value)) {
    const first = checker.Errors(value).First();
    throw new Fault(
      "damaged",
      `the archive's metadata is not right at ${first?.path || "/"}; take another backup`,
    );
  }
  const metadata = value as Metadata;
  if (metadata.format_version > FORMAT_VERSION) {
    throw new Fault(
      "damaged",
      `the archive has format ${metadata.format_version}, newer than the ${FORMAT_VERSION} this dwbase knows; use the newer dwbase`,
    );
  }
  const [file] = metadata.files;
  if (metadata.files.length !== 1 || file?.path !== DATABASE_PATH) {
    throw new Fault(
      "damaged",
      `the archive must hold ${DATABASE_PATH} and nothing else; it is not one of ours`,
    );
  }
  return metadata;
}
