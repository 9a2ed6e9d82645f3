/** Sessions, and the conventions that the families under /api/v1 share. */
import { expect, test } from "bun:test";
import { fixture } from "./support.ts";

const asked = (session: string) => ({ headers: { "X-Session-ID": session } });

test("a request without X-Session-ID is of the node's own session", async () => {
  const f = fixture({ defaultSession: "kitchen" });
  expect((await f.send("GET", "/api/v1/session")).body).toEqual({
    session_id: "kitchen",
    configured_session: "kitchen",
    storage_backend: "dwbase",
  });
  expect((await f.send("GET", "/api/v1/session", asked(""))).body.session_id).toBe("kitchen");
});

test.each(["a", "Agent_7", "x".repeat(128)])("%p is a session", async (session) => {
  expect((await fixture().send("GET", "/api/v1/session", asked(session))).body).toMatchObject({
    session_id: session,
    configured_session: "default",
  });
});

const REFUSED = ["admin", "system", "root", "default", "test", "null", "none", "undefined", "anonymous"];
test.each([...REFUSED, "Admin", "a b", "a/b", "é", "x".repeat(129)])("%p is refused", async (session) => {
  for (const path of ["/api/v1/session", "/api/v1/health"]) {
    const { status, body } = await fixture().send("GET", path, asked(session));
    expect([status, body.code]).toEqual([400, "invalid_input"]);
    expect(body.detail).toContain("X-Session-ID");
  }
});

test("GET /api/v1/health tells status, time, version and session", async () => {
  const { status, body } = await fixture().send("GET", "/api/v1/health", asked("me"));
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: "healthy", version: "1.2.3", session_id: "me" });
});

test("the root leads to the family", async () => {
  expect((await fixture().send("GET", "/")).body.links.api).toBe("/api/v1/health");
});

test("unknown query parameters are passed over, unlike in the atom family", async () => {
  expect((await fixture().send("GET", "/api/v1/session?trace=1")).status).toBe(200);
  expect((await fixture().send("GET", "/worlds?trace=1")).status).toBe(400);
});

test("errors are {detail, code}, for routes that are not there too", async () => {
  const f = fixture();
  const unknown = await f.send("GET", "/api/v1/nope");
  expect([unknown.status, Object.keys(unknown.body)]).toEqual([404, ["detail", "code"]]);
  const method = await f.send("DELETE", "/api/v1/session");
  expect([method.status, method.body.code]).toEqual([405, "method_not_allowed"]);
});
