import { expect, test } from "bun:test";
import { chmodSync, existsSync, rmSync, statSync, symlinkSync } from "node:fs";
import { volatileDir } from "../../src/base/mod.ts";

const there = existsSync("/dev/shm");

test.skipIf(!there)(
  "a directory in memory is this user's alone, and the same one for a data directory",
  () => {
    const dir = volatileDir("/somewhere/data")!;
    expect(dir).toStartWith("/dev/shm/");
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(volatileDir("/somewhere/data")).toBe(dir);
    expect(volatileDir("/somewhere/else")).not.toBe(dir);
    rmSync(volatileDir("/somewhere/else")!, { recursive: true });
    chmodSync(dir, 0o755);
    expect(volatileDir("/somewhere/data")).toBeUndefined();
    rmSync(dir, { recursive: true });
    symlinkSync("/tmp", dir);
    expect(volatileDir("/somewhere/data")).toBeUndefined();
    rmSync(dir);
  },
);
