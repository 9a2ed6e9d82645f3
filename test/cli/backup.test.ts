/** The words of backup as a process: what each says, in which form, with which exit code. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { makeStore, Scratch, SELF, textsOf } from "../backup/harness.ts";

const scratch = new Scratch();
const data = scratch.path("data");
const usb = scratch.path("usb");
const archive = scratch.path("a.tzst");

interface Ran {
  code: number;
  out: string;
  err: string;
}

async function backup(argv: string[], more: Record<string, string> = {}): Promise<Ran> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(DWBASE|WW)_/.test(name));
  const child = Bun.spawn([...SELF, "backup", ...argv], {
    cwd: scratch.dir,
    env: { ...(Object.fromEntries(kept) as Record<string, string>), ...more },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, err };
}

beforeAll(async () => {
  makeStore(data, ["the kettle is blue", "the pot is green"]);
  mkdirSync(usb);
  expect((await backup(["create", "--data-dir", data, "--out", archive])).code).toBe(0);
});
afterAll(() => scratch.remove());

test("wrong usage is exit 2 and changes nothing", async () => {
  const sentences: [string[], string][] = [
    [[], "name the directory of the backup volume"],
    [["list"], "name the directory of the backups"],
    [["create", "--data-dir", data], "--out FILE"],
    [["create", "--data-dir", data, "--out", usb], "is a directory"],
    [["create", "--data-dir", data, "--out", "-", "--json"], "choose one"],
    [["restore", "--data-dir", data], "--input FILE"],
    [["verify"], "something is missing"],
    [[usb, "--keep", "0"], "--keep takes a whole number from 1"],
    [[usb, "--kep", "3"], "did you mean --keep?"],
  ];
  for (const [argv, sentence] of sentences) {
    const { code, out, err } = await backup(argv);
    expect([argv, code, out]).toEqual([argv, 2, ""]);
    expect(err).toContain(sentence);
  }
  expect(readdirSync(usb)).toEqual([]);
});

test("what is not there is exit 3, and makes nothing", async () => {
  const nowhere = scratch.path("nowhere");
  for (const argv of [
    ["verify", nowhere],
    ["drill", nowhere],
    ["list", nowhere],
    ["create", "--data-dir", nowhere, "--out", scratch.path("b.tzst")],
    ["restore", "--input", nowhere, "--data-dir", scratch.path("target")],
  ]) {
    const { code, out } = await backup(argv);
    expect([argv, code, out]).toEqual([argv, 3, ""]);
  }
  expect(readdirSync(scratch.dir).sort()).toEqual(["a.tzst", "data", "usb"]);
});

describe("a backup directory of the configuration", () => {
  const configured = { DWBASE_BACKUP_TARGET: usb, DWBASE_BACKUP_KEEP: "1", DWBASE_NODE_DATA_DIR: data };

  test("is refused where nothing is mounted, unless that is wanted", async () => {
    const refused = await backup([], configured);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("nothing is mounted at")]);
    const first = await backup(["--unmounted", "--json"], configured);
    expect(first.code).toBe(0);
    const { path, bytes, metadata, removed } = JSON.parse(first.out);
    expect([statSync(path).size, metadata.counts.atoms, removed]).toEqual([bytes, 2, []]);
    const second = await backup([], { ...configured, DWBASE_BACKUP_REQUIRE_MOUNT: "false" });
    expect(second.out).toContain(`removed ${path}\n`);
    const listed = JSON.parse((await backup(["list", "--json"], configured)).out);
    expect(listed).toMatchObject([{ metadata: { counts: { atoms: 2 } }, problem: "" }]);
  });
});

test("verify, drill and list tell of damage: exit 6", async () => {
  const broken = scratch.path("usb", "broken.tzst");
  const bytes = Buffer.from(await Bun.file(archive).bytes());
  bytes[bytes.length >> 1]! ^= 4;
  writeFileSync(broken, bytes);
  for (const word of ["verify", "drill"]) {
    expect((await backup([word, archive])).code).toBe(0);
    expect(await backup([word, broken])).toMatchObject({ code: 6, out: "" });
  }
  expect(JSON.parse((await backup(["drill", archive, "--json"])).out)).toMatchObject({
    clean: true,
    findings: [],
    missing_key: null,
    counts: { atoms: 2 },
  });
  writeFileSync(broken, "nothing");
  expect((await backup(["list", usb])).out).toContain(`damaged\t\t\t7 B\t${broken}\n`);
});

test("restore asks for --force, and says what it did", async () => {
  const target = scratch.path("deep", "target");
  const args = ["restore", "--input", archive, "--data-dir", target];
  const first = await backup(args);
  expect([first.code, first.out]).toEqual([0, expect.stringContaining("2 atoms of 1 worlds")]);
  const second = await backup(args);
  expect([second.code, second.err]).toEqual([1, expect.stringContaining("--force")]);
  const third = await backup([...args, "--force", "--clone", "--json"]);
  const { old, nodeId, metadata } = JSON.parse(third.out);
  expect([third.code, existsSync(old), nodeId === metadata.node_id]).toEqual([0, true, false]);
  expect(textsOf(target)).toEqual(["the kettle is blue", "the pot is green"]);
});
