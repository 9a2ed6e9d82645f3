import { Fault, MB } from "../base/mod.ts";
import modelFile from "./model/static-minilm-256-i8.bin" with { type: "file" };
import { indexVocabulary, MAX_ROWS, slotCount, type VocabularyParts } from "./vocabulary.ts";

/*
 * The file, little endian: 'DWE1', u32 rows, u32 dimension, u32 bytes of vocabulary, f32 scale; the vocabulary; zeros
 * to the next multiple of 16; rows x dimension int8. The shared memory holds the file as it is and, behind it, the
 * index of its vocabulary: where each piece begins, and the hash table.
 */
const MAGIC = 0x31455744; // 'DWE1'
const HEADER_BYTES = 20;
const ROW_ALIGNMENT = 16;
/** What is read between two turns of the event loop: about 2 ms. */
const PIECE_BYTES = MB;

interface Sizes {
  rows: number;
  dimension: number;
  vocabularyBytes: number;
  /** Where the rows of numbers begin. */
  valuesAt: number;
  fileBytes: number;
  startsAt: number;
  slotsAt: number;
  totalBytes: number;
}

/** The model's parts as views of the shared memory. */
export interface Model {
  dimension: number;
  vocabulary: VocabularyParts;
  /** rows x dimension; one scale holds for all, so directions need none. */
  values: Int8Array;
}

function align(offset: number, to: number): number {
  return Math.ceil(offset / to) * to;
}

function sizesOf(header: DataView): Sizes {
  if (header.byteLength < HEADER_BYTES || header.getUint32(0, true) !== MAGIC)
    throw damaged("it has no DWE1 header");
  const rows = header.getUint32(4, true);
  const dimension = header.getUint32(8, true);
  const vocabularyBytes = header.getUint32(12, true);
  if (rows === 0 || rows > MAX_ROWS || dimension === 0) throw damaged(`it has ${rows} rows of ${dimension}`);
  const valuesAt = align(HEADER_BYTES + vocabularyBytes, ROW_ALIGNMENT);
  const fileBytes = valuesAt + rows * dimension;
  const startsAt = align(fileBytes, Uint32Array.BYTES_PER_ELEMENT);
  const slotsAt = startsAt + (rows + 1) * Uint32Array.BYTES_PER_ELEMENT;
  const totalBytes = slotsAt + slotCount(rows) * Uint32Array.BYTES_PER_ELEMENT;
  return { rows, dimension, vocabularyBytes, valuesAt, fileBytes, startsAt, slotsAt, totalBytes };
}

function damaged(why: string): Fault {
  return new Fault("damaged", `the built-in model cannot be used: ${why}; install the executable again`, {
    op: "load model",
  });
}

/**
 * Puts a model file into memory that threads share, with its vocabulary indexed. It goes in piece by piece, with turns
 * of the event loop between them: a node that starts answers meanwhile, and the file is never in memory twice.
 * @throws Fault damaged when it is not a whole model.
 */
export async function shareModel(file: Blob): Promise<SharedArrayBuffer> {
  const header = await file.slice(0, HEADER_BYTES).bytes();
  const sizes = sizesOf(new DataView(header.buffer, header.byteOffset, header.byteLength));
  if (file.size !== sizes.fileBytes) {
    throw damaged(`it has ${file.size} bytes instead of ${sizes.fileBytes}`);
  }
  const shared = new SharedArrayBuffer(sizes.totalBytes);
  const bytes = new Uint8Array(shared);
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    bytes.set(await file.slice(at, at + PIECE_BYTES).bytes(), at);
    await turn();
  }
  if (!indexVocabulary(vocabularyOf(shared, sizes))) throw damaged("its vocabulary does not fit its rows");
  return shared;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function vocabularyOf(shared: SharedArrayBuffer, sizes: Sizes): VocabularyParts {
  return {
    bytes: new Uint8Array(shared, HEADER_BYTES, sizes.vocabularyBytes),
    starts: new Uint32Array(shared, sizes.startsAt, sizes.rows + 1),
    slots: new Uint32Array(shared, sizes.slotsAt, slotCount(sizes.rows)),
  };
}

/** The parts of a model in shared memory. */
export function viewModel(shared: SharedArrayBuffer): Model {
  const sizes = sizesOf(new DataView(shared));
  return {
    dimension: sizes.dimension,
    vocabulary: vocabularyOf(shared, sizes),
    values: new Int8Array(shared, sizes.valuesAt, sizes.rows * sizes.dimension),
  };
}

/**
 * Reads the model that the executable carries. Once, on the main thread; the memory is then given to every thread.
 * @throws Fault damaged when it is not a whole model.
 */
export function loadModel(): Promise<SharedArrayBuffer> {
  return shareModel(Bun.file(modelFile));
}
