/** The suites of the engine once more, over an encrypted store. */
import { afterAll, beforeAll, describe } from "bun:test";
import { KEYRING } from "../storage/harness.ts";
import { Fixture } from "./harness.ts";

for (const suite of ["engine", "isolation", "vectors"]) {
  describe(`encrypted: ${suite}`, async () => {
    beforeAll(() => {
      Fixture.keyring = KEYRING;
    });
    afterAll(() => {
      Fixture.keyring = { keys: {} };
    });
    // a module of its own, beside the one that runs the suite over a plain store
    await import(`./${suite}.test.ts?encrypted`);
  });
}
