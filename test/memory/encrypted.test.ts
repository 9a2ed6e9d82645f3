/** The life of the memory family once more, over an encrypted store. */
import { afterAll, beforeAll, describe } from "bun:test";
import { Fixture } from "../engine/harness.ts";
import { KEYRING } from "../storage/harness.ts";

describe("encrypted: family", async () => {
  beforeAll(() => {
    Fixture.keyring = KEYRING;
  });
  afterAll(() => {
    Fixture.keyring = { keys: {} };
  });
  // a module of its own, beside the one that runs the suite over a plain store
  await import("./family.test.ts?encrypted" as string);
});
