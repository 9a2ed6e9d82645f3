/** POST /api/v1/consolidate over the real engine: for admin keys, of one session, with what it did. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Fixture } from "../engine/harness.ts";
import { type Answered, fixture } from "../server/support.ts";

const KEYS = { user: "user-key-0123456789abcdef", admin: "admin-key-0123456789abcdef" };
const ADMIN = { "X-Admin-Key": KEYS.admin };
const NOTHING = {
  examined: 0,
  merged: 0,
  entities_created: 0,
  skills_created: 0,
  episodes_linked: 0,
  ties_pruned: 0,
};

let store: Fixture;
beforeAll(async () => {
  store = await Fixture.open();
});
afterAll(() => store.finish());

function send(
  path: string,
  json?: unknown,
  headers: Record<string, string> = ADMIN,
  session = "ann",
): Promise<Answered> {
  const keys = Object.entries(KEYS).map(([name, key]) => ({ name, key, admin: name === "admin" }));
  const options = {
    headers: { "X-Session-ID": session, ...headers },
    ...(json === undefined ? {} : { json }),
  };
  const method = json === undefined && path !== "/consolidate" ? "GET" : "POST";
  return fixture({ over: store.engine, auth: { loopback: false, keys } }).send(
    method,
    `/api/v1${path}`,
    options,
  );
}

const remember = (content: string, outcome: string, session?: string) =>
  send("/episodes", { content, outcome, tool: "rsync" }, ADMIN, session);

test("duplicates merge and related episodes become a skill, of this session alone, once", async () => {
  const twice = "The cat slept on the warm windowsill all afternoon.";
  for (const session of ["ann", "ben"]) {
    // the same tool alone makes nothing related
    for (const text of [twice, twice]) await remember(text, "neutral", session);
  }
  for (const to of ["disk", "drive", "stick"]) {
    await remember(`Copied the archive of tax letters onto the new ${to} with rsync.`, "success");
  }
  // the built-in model has disk, drive and stick within .95 of each other: they are not the same for that
  const light = { success: true, type: "light", results: { ...NOTHING, examined: 5, merged: 1 } };
  expect((await send("/consolidate")).body).toEqual(light);
  const deep = { ...NOTHING, examined: 5, skills_created: 1, episodes_linked: 3 };
  expect((await send("/consolidate", { deep: true })).body.results).toEqual(deep);
  expect((await send("/consolidate", { deep: true })).body.results).toEqual({ ...NOTHING, examined: 5 });
  expect((await send("/consolidate", { deep: null })).body.results).toEqual({ ...NOTHING, examined: 5 });
  const skills = (await send("/skills")).body.skills;
  expect(skills.map((skill: { name: string }) => skill.name)).toEqual(["copied archive tax letters onto"]);
  expect((await send("/stats")).body.episodic).toEqual({ total_episodes: 5 });
  expect((await send("/skills", undefined, ADMIN, "ben")).body.total).toBe(0);
  expect((await send("/consolidate", {}, ADMIN, "nobody")).body.results).toEqual(NOTHING);
});

test("it needs an admin key: none is 401, also beside a key without power; a wrong one is 403", async () => {
  const status = async (headers: Record<string, string>) => (await send("/consolidate", {}, headers)).status;
  expect(await status({})).toBe(401);
  expect(await status({ "X-API-Key": KEYS.user })).toBe(401);
  expect(await status({ "X-API-Key": KEYS.user, "X-Admin-Key": KEYS.user })).toBe(403);
  expect(await status({ "X-API-Key": KEYS.user, "X-Admin-Key": KEYS.admin })).toBe(200);
});

test("a body that is none is 422", async () => {
  for (const bad of [{ deep: "yes" }, { deep: 1 }, []]) {
    expect([bad, (await send("/consolidate", bad)).status]).toEqual([bad, 422]);
  }
});
