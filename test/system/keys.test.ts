import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { atomOf, deepCheck, filesUnder, run, scratch, suite, TestNode } from "./harness.ts";

const NEVER = { DWBASE_NODE_SECURITY_ALLOW_ANONYMOUS: "never" };

suite("keys", () => {
  test("are made over HTTP, act at once, survive kill -9, are revoked at once, and lie in no file", async () => {
    const dir = join(scratch(), "data");
    let node = await TestNode.start({ dir, env: NEVER });
    const admin = readFileSync(join(dir, "secrets", "admin.key"), "utf8").trim();
    const asAdmin = () => ({ "X-API-Key": admin });
    const as = (key: string) => ({ "X-API-Key": key });
    const api = ["--api", node.url, "--key", admin];
    const made = await run([
      "keys",
      "create",
      "--name",
      "kitchen",
      "--read",
      "home/*",
      "--write",
      "home/kitchen",
      "--json",
      ...api,
    ]);
    expect(made.code).toBe(0);
    const { id, key } = JSON.parse(made.out);
    const atom = atomOf("the kettle is blue", { world: "home/kitchen" });
    expect((await node.post("/remember", atom, as(key))).status).toBe(200);
    expect((await node.post("/remember", { ...atom, world: "home/attic" }, as(key))).body.code).toBe(
      "capability_denied",
    );
    expect((await node.get("/keys", as(key))).body.code).toBe("capability_denied");
    await node.kill();
    node = await TestNode.start({ dir, env: NEVER });
    expect((await node.post("/ask", { world: "home/kitchen", text: "kettle" }, as(key))).status).toBe(200);
    expect((await node.send("DELETE", `/keys/${id}`, { headers: asAdmin() })).status).toBe(204);
    expect((await node.post("/ask", { world: "home/kitchen", text: "kettle" }, as(key))).status).toBe(403);
    await node.stop();
    for (const path of filesUnder(dir)) {
      if (!path.endsWith("admin.key"))
        expect([path, readFileSync(path).includes(key)]).toEqual([path, false]);
    }
    // locked out: a key is made in the stopped node's directory
    const rescue = await run(["keys", "create", "--name", "rescue", "--admin", "--data-dir", dir]);
    expect(rescue.code).toBe(0);
    node = await TestNode.start({ dir, env: NEVER });
    const listed = await node.get("/keys", as(rescue.out.trim()));
    expect(listed.body.map(({ name }: { name: string }) => name)).toEqual(["rescue"]);
    const refused = await run(["keys", "revoke", "rescue", "--data-dir", dir]);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("another dwbase uses")]);
    await node.stop();
    const audit = await run(["audit", "list", "--json", "--data-dir", dir]);
    const actions = JSON.parse(audit.out).map(
      ({ action, target }: { action: string; target: string }) => `${action} ${target}`,
    );
    expect(actions).toEqual(
      expect.arrayContaining(["key.create kitchen", "key.revoke kitchen", "key.create rescue"]),
    );
    await deepCheck(dir);
  });
});
