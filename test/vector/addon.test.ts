/** The native library is loaded from a private file only, whose every byte is right. */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { layDown, loadAddon } from "../../src/vector/addon.ts";
import { scratch } from "./memory-source.ts";

const CARRIED = Buffer.from("these are the bytes of a library");
const places: ReturnType<typeof scratch>[] = [];
afterEach(() => {
  for (const place of places.splice(0)) place.remove();
});

function place(): string {
  const one = scratch();
  places.push(one);
  return one.dir;
}

describe("a carried library", () => {
  test("is laid down in a directory that nobody else may enter, and used again as it is", () => {
    const dir = `${place()}/lib`;
    const said: string[] = [];
    const path = layDown(CARRIED, dir, (message) => said.push(message));
    expect(readFileSync(path)).toEqual(CARRIED);
    expect([statSync(dir).mode & 0o777, statSync(path).mode & 0o777]).toEqual([0o700, 0o700]);
    const { ino } = statSync(path);
    expect(layDown(CARRIED, dir, (message) => said.push(message))).toBe(path);
    expect([statSync(path).ino, said]).toEqual([ino, []]);
  });

  test("is not taken from a file of the same size with other content: that one is replaced, and it is said", () => {
    const dir = place();
    const path = layDown(CARRIED, dir, () => {});
    const tampered = Buffer.from(CARRIED);
    tampered[7]! ^= 1;
    writeFileSync(path, tampered);
    const said: string[] = [];
    layDown(CARRIED, dir, (message) => said.push(message));
    expect(readFileSync(path)).toEqual(CARRIED);
    expect(said).toEqual([expect.stringContaining("was not loaded")]);
  });

  test("does not lie open to others, whatever the directory's mode was", () => {
    const dir = place();
    chmodSync(dir, 0o777);
    layDown(CARRIED, dir, () => {});
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });
});

test.skipIf(process.getuid!() !== 0)("a directory of another user is not trusted (needs root)", () => {
  const dir = place();
  chownSync(dir, 12345, 12345);
  expect(() => layDown(CARRIED, dir, () => {})).toThrow("belongs to another user");
});

test("the library of this machine's kind loads", () => {
  expect(loadAddon(place()).version()).toBe("2.26.2");
});
