import { expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { BIN, cleanEnv, figure, scratch, suite } from "./harness.ts";

const ROOT = join(import.meta.dir, "../..");

/** Runs the demonstration of a checkout. @returns its last lines */
async function demo(root: string): Promise<string> {
  const child = Bun.spawn(["bash", join(root, "scripts/demo.sh"), BIN], {
    env: cleanEnv(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ code: await child.exited, err }).toEqual({ code: 0, err: "" });
  return out.trim().split("\n").slice(-2).join(" ");
}

suite("the main job", () => {
  test("remembers, answers, is killed, and answers the same", async () => {
    const said = await demo(ROOT);
    expect(said).toContain("20 of 20 answers; the data is whole");
    figure(`demo: ${said}`);
  });

  test("on the sample, where the conversations are not at hand", async () => {
    const root = join(scratch(), "checkout");
    for (const path of ["scripts/demo.sh", "test/fixtures/sample.jsonl"])
      cpSync(join(ROOT, path), join(root, path));
    expect(await demo(root)).toContain("36 memories, 20 questions");
  });
});
