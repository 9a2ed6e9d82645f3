import { describe, expect, test } from "bun:test";
import {
  Authenticator,
  type AuthenticatorOptions,
  type Caller,
  isOpen,
  type KeyStore,
} from "../../src/auth/mod.ts";
import { LIMITS } from "../../src/base/mod.ts";

const ROUTE = { exempt: false };
const PEER = "192.0.2.7";

function authenticator(change: Partial<AuthenticatorOptions> = {}): Authenticator {
  return new Authenticator({
    loopback: false,
    allowAnonymous: "loopback",
    production: false,
    keys: [
      { name: "app", key: "an-app-key-of-some-length", admin: false },
      { name: "root", sha256: Bun.SHA256.hash("the-admin-key-of-some-length") as Uint8Array, admin: true },
    ],
    security: { readWorlds: [], writeWorlds: [], importanceCap: 1 },
    sleep: async () => {},
    ...change,
  });
}
const open = (change: Partial<AuthenticatorOptions> = {}) => authenticator({ loopback: true, ...change });

/** The caller, or the code of the fault. */
async function outcome(
  auth: Authenticator,
  headers: Record<string, string>,
  exempt = false,
): Promise<Caller | string> {
  try {
    return await auth.authenticate(new Headers(headers), PEER, { exempt });
  } catch (fault) {
    return (fault as { code: string }).code;
  }
}
const nameOf = async (...args: Parameters<typeof outcome>) => {
  const got = await outcome(...args);
  return typeof got === "string" ? got : got.name;
};

test.each([
  [true, "loopback", false, true],
  [true, "always", false, true],
  [true, "never", false, false],
  [false, "loopback", false, false],
  [false, "always", false, true],
  [true, "loopback", true, false],
  [false, "always", true, false],
] as const)(
  "loopback %p, allow_anonymous %p, production %p: open %p",
  (loopback, allowAnonymous, production, is) => {
    expect(isOpen({ loopback, allowAnonymous, production })).toBe(is);
  },
);

describe("a listener that needs keys", () => {
  const auth = authenticator();

  test("takes a key from Authorization: Bearer, X-API-Key or X-Admin-Key", async () => {
    expect(await nameOf(auth, { Authorization: "Bearer an-app-key-of-some-length" })).toBe("app");
    expect(await nameOf(auth, { authorization: "bearer  an-app-key-of-some-length " })).toBe("app");
    expect(await nameOf(auth, { "X-API-Key": "an-app-key-of-some-length" })).toBe("app");
    expect(await nameOf(auth, { "X-API-Key": "the-admin-key-of-some-length" })).toBe("root");
    expect(await nameOf(auth, { "X-Admin-Key": "the-admin-key-of-some-length" })).toBe("root");
  });

  test("answers a missing key with unauthenticated, however it is missing", async () => {
    expect(await nameOf(auth, {})).toBe("unauthenticated");
    expect(await nameOf(auth, { Authorization: "Bearer " })).toBe("unauthenticated");
    expect(await nameOf(auth, { Authorization: "Basic dXNlcjpwYXNz" })).toBe("unauthenticated");
    expect(await nameOf(auth, { "X-API-Key": " " })).toBe("unauthenticated");
  });

  test("answers a wrong key with forbidden, also beside a right one", async () => {
    expect(await nameOf(auth, { "X-API-Key": "guess" })).toBe("forbidden");
    expect(await nameOf(auth, { "X-API-Key": "an-app-key-of-some-length", "X-Admin-Key": "guess" })).toBe(
      "forbidden",
    );
    expect(await nameOf(auth, { "X-API-Key": "guess", "X-Admin-Key": "the-admin-key-of-some-length" })).toBe(
      "forbidden",
    );
  });

  test("does not take an ordinary key as X-Admin-Key; beside one, the admin key counts", async () => {
    expect(await nameOf(auth, { "X-Admin-Key": "an-app-key-of-some-length" })).toBe("forbidden");
    const both = { "X-API-Key": "an-app-key-of-some-length", "X-Admin-Key": "the-admin-key-of-some-length" };
    expect(await nameOf(auth, both)).toBe("root");
  });

  test("asks for no key on an exempt route, looks at none, and gives no capability", async () => {
    for (const headers of [{}, { "X-API-Key": "guess" }]) {
      const caller = (await outcome(auth, headers, true)) as Caller;
      expect(caller.anonymous).toBe(true);
      expect(caller.capabilities.size).toBe(0);
    }
  });

  test("gives a key everything but admin, and an admin key everything", async () => {
    const app = (await outcome(auth, { "X-API-Key": "an-app-key-of-some-length" })) as Caller;
    expect([...app.capabilities]).toEqual([
      "read_worlds",
      "write_worlds",
      "forget",
      "manage_worlds",
      "metrics",
    ]);
    expect(app).toMatchObject({ admin: false, anonymous: false, address: PEER, bucket: "key:app" });
    const root = (await outcome(auth, { "X-API-Key": "the-admin-key-of-some-length" })) as Caller;
    expect(root.admin && root.capabilities.has("admin")).toBe(true);
  });

  test("bounds every key by the node's own lists", async () => {
    const bounded = authenticator({
      keys: [{ name: "s", key: "k", admin: false, readWorlds: ["sensor/1", "attic"], importanceCap: 0.9 }],
      security: { readWorlds: ["sensor/*"], writeWorlds: ["log"], importanceCap: 0.8 },
    });
    expect(await outcome(bounded, { "X-API-Key": "k" })).toMatchObject({
      readWorlds: ["sensor/1"],
      writeWorlds: ["log"],
      importanceCap: 0.8,
    });
  });
});

describe("an open loopback listener", () => {
  const auth = open();

  test("lets local requests in without a key, with every capability but admin, also when keys exist", async () => {
    for (const host of ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"]) {
      expect(await nameOf(auth, { Host: host })).toBe("anonymous");
    }
    const caller = (await outcome(auth, { Host: "localhost" })) as Caller;
    expect(caller.capabilities.has("forget")).toBe(true);
    expect(caller.capabilities.has("admin")).toBe(false);
    expect(caller).toMatchObject({ admin: false, anonymous: true, bucket: `address:${PEER}` });
  });

  test.each([
    ["a foreign Host", { Host: "rebound.example" }],
    ["a Host that only starts like a local one", { Host: "localhost.rebound.example" }],
    ["a Host with a user part", { Host: "localhost@rebound.example" }],
    ["Forwarded", { Host: "localhost", Forwarded: "for=203.0.113.9" }],
    ["X-Forwarded-For", { Host: "localhost", "X-Forwarded-For": "203.0.113.9" }],
    ["X-Forwarded-For with nothing in it", { Host: "localhost", "X-Forwarded-For": "" }],
    ["X-Forwarded-Host", { Host: "localhost", "X-Forwarded-Host": "memory.example" }],
    ["a foreign Origin", { Host: "localhost:8080", Origin: "https://evil.example" }],
    ["an opaque Origin", { Host: "localhost:8080", Origin: "null" }],
    [
      "an Origin that only starts like a local one",
      { Host: "localhost", Origin: "http://localhost.evil.example" },
    ],
    ["an Origin with a user part", { Host: "localhost", Origin: "http://localhost@evil.example" }],
  ])("asks for a key on a request with %s", async (_what, headers) => {
    expect(await nameOf(auth, headers)).toBe("unauthenticated");
    expect(await nameOf(auth, { ...headers, "X-API-Key": "an-app-key-of-some-length" })).toBe("app");
  });

  test("knows its own pages, local pages and the configured origins", async () => {
    const cors = open({ corsOrigins: ["https://panel.example"] });
    expect(await nameOf(cors, { Host: "127.0.0.1:8080", Origin: "http://127.0.0.1:8080" })).toBe("anonymous");
    expect(await nameOf(cors, { Host: "127.0.0.1:8080", Origin: "http://localhost:3000" })).toBe("anonymous");
    expect(await nameOf(cors, { Host: "127.0.0.1:8080", Origin: "https://panel.example" })).toBe("anonymous");
    expect(await nameOf(cors, { Host: "127.0.0.1:8080", Origin: "https://other.example" })).toBe(
      "unauthenticated",
    );
  });

  test("still refuses a wrong key", async () => {
    expect(await nameOf(auth, { Host: "localhost", "X-API-Key": "guess" })).toBe("forbidden");
  });

  test("with always, takes requests from everywhere", async () => {
    const always = open({ loopback: false, allowAnonymous: "always" });
    expect(await nameOf(always, { Host: "pi.lan", "X-Forwarded-For": "203.0.113.9" })).toBe("anonymous");
  });

  test("with never or in production, needs keys", async () => {
    expect(await nameOf(open({ allowAnonymous: "never" }), { Host: "localhost" })).toBe("unauthenticated");
    expect(await nameOf(open({ production: true }), { Host: "localhost" })).toBe("unauthenticated");
  });
});

test("keys made at run time are looked up by their SHA-256 and vanish when revoked", async () => {
  const known = new Map([[Bun.SHA256.hash("fresh", "hex") as string, { name: "fresh", admin: false }]]);
  const store: KeyStore = { find: (digest) => known.get(Buffer.from(digest).toString("hex")) };
  const auth = authenticator({ store });
  expect(await nameOf(auth, { "X-API-Key": "fresh" })).toBe("fresh");
  known.clear();
  expect(await nameOf(auth, { "X-API-Key": "fresh" })).toBe("forbidden");
});

describe("wrong keys", () => {
  /** An authenticator whose delays end when the test says so. */
  function held() {
    const delays: { ms: number; end: () => void }[] = [];
    const sleep = (ms: number) => new Promise<void>((end) => delays.push({ ms, end }));
    return { auth: authenticator({ sleep }), delays };
  }
  const guess = new Headers({ "X-API-Key": "guess" });

  test("are refused at once ten times, then later and later, up to a second", async () => {
    const { auth, delays } = held();
    for (let i = 0; i < LIMITS.wrongKeysFree; i++) {
      expect(() => auth.authenticate(guess, PEER, ROUTE)).toThrow(
        expect.objectContaining({ code: "forbidden" }),
      );
    }
    const refusals = Array.from(
      { length: 12 },
      () => auth.authenticate(guess, PEER, ROUTE) as Promise<never>,
    );
    expect(delays.map((d) => d.ms)).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1000, 1000]);
    const ends = Promise.allSettled(refusals);
    for (const delay of delays) delay.end();
    for (const end of await ends)
      expect(end).toMatchObject({ status: "rejected", reason: { code: "forbidden" } });
  });

  test("of one address slow down neither other addresses nor a right key nor a missing one", () => {
    const { auth, delays } = held();
    for (let i = 0; i < LIMITS.wrongKeysFree; i++) {
      expect(() => auth.authenticate(guess, PEER, ROUTE)).toThrow();
    }
    expect(() => auth.authenticate(guess, "192.0.2.8", ROUTE)).toThrow();
    expect(() => auth.authenticate(new Headers(), PEER, ROUTE)).toThrow(
      expect.objectContaining({ code: "unauthenticated" }),
    );
    const right = new Headers({ "X-API-Key": "an-app-key-of-some-length" });
    expect(auth.authenticate(right, PEER, ROUTE)).toMatchObject({ name: "app" });
    expect(delays).toEqual([]);
  });

  test("that wait are at most 64; further ones get rate_limited until one is through", async () => {
    const { auth, delays } = held();
    for (let i = 0; i < LIMITS.wrongKeysFree; i++)
      expect(() => auth.authenticate(guess, PEER, ROUTE)).toThrow();
    const refusals = Array.from({ length: LIMITS.wrongKeyWaiting }, () =>
      auth.authenticate(guess, PEER, ROUTE),
    );
    for (const refusal of refusals) (refusal as Promise<never>).catch(() => {});
    expect(() => auth.authenticate(guess, PEER, ROUTE)).toThrow(
      expect.objectContaining({ code: "rate_limited", retryAfter: 1 }),
    );
    delays[0]!.end();
    await expect(refusals[0] as Promise<never>).rejects.toMatchObject({ code: "forbidden" });
    const next = auth.authenticate(guess, PEER, ROUTE) as Promise<never>;
    next.catch(() => {});
    expect(delays.length).toBe(LIMITS.wrongKeyWaiting + 1);
  });
});
