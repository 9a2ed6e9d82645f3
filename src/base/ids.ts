const UUID = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;

/** A new time-ordered id (RFC 9562 UUIDv7), 16 bytes. */
export function newIdBytes(now: number): Uint8Array {
  return new Uint8Array(Bun.randomUUIDv7("buffer", Math.max(0, now)));
}

export function newId(now: number): string {
  return bytesToId(newIdBytes(now));
}

/** Whether `text` is a UUID of any version, in either case. */
export function isId(text: string): boolean {
  return UUID.test(text);
}

/** 16 bytes of a UUID text; the caller has checked it with `isId`. */
export function idToBytes(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll("-", ""));
}

/** Lower-case UUID text of 16 bytes. */
export function bytesToId(bytes: Uint8Array): string {
  const h = bytes.toHex();
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}

/** A name-based id (UUIDv8) from the first 16 bytes of a digest. */
export function idFromDigest(digest: Uint8Array): string {
  const bytes = digest.slice(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytesToId(bytes);
}
