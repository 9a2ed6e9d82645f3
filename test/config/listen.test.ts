import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatListen, isLoopback, type Listen, parseListen } from "../../src/config/mod.ts";

const tcp = fc.record({
  kind: fc.constant("tcp" as const),
  host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
  port: fc.integer({ min: 0, max: 65_535 }),
});
const unix = fc.record({
  kind: fc.constant("unix" as const),
  path: fc.stringMatching(/^(\/[\w .:-]{1,20}){1,4}$/),
});

test("formatting and parsing a listen address is the identity", () => {
  fc.assert(
    fc.property(fc.oneof(tcp, unix), (listen: Listen) => {
      expect(parseListen(formatListen(listen))).toEqual(listen);
    }),
  );
});

test("any text is either refused as a usage fault or comes back as it was", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\w.[\]:/-]{1,30}$/)), (text) => {
      try {
        const listen = parseListen(text);
        expect(parseListen(formatListen(listen))).toEqual(listen);
      } catch (error) {
        expect(error).toMatchObject({ code: "usage" });
      }
    }),
  );
});

test.each(["", "8080", ":8080", "localhost", "1.2.3:80", "1.2.3.400:80", "::1:80", "[::1]", "[nonsense]:80"])(
  "%p is not a listen address",
  (text) => expect(() => parseListen(text)).toThrow("is not a listen address; write host:port"),
);

test.each(["h:65536", "h:-1", "h:80 ", "http://h:80", "-h:80", "unix:", "unix:relative", "unix:/dir/"])(
  "%p is not a listen address either",
  (text) => expect(() => parseListen(text)).toThrow("is not a listen address"),
);

test("a socket path that the kernel would cut is refused", () => {
  expect(parseListen(`unix:/${"a".repeat(106)}`).kind).toBe("unix");
  expect(() => parseListen(`unix:/${"a".repeat(107)}`)).toThrow("is not a listen address");
});

test.each([
  "localhost",
  "LOCALHOST",
  "127.0.0.1",
  "127.9.9.9",
  "::1",
  "[::1]",
  "0:0:0:0:0:0:0:1",
  "::ffff:127.0.0.1",
])("%p is a loopback host", (host) => expect(isLoopback(host)).toBe(true));

test.each([
  "0.0.0.0",
  "::",
  "10.0.0.1",
  "example.org",
  "localhost.example.org",
  "127.example.org",
  "::ffff:10.0.0.1",
  "",
])("%p is not a loopback host", (host) => expect(isLoopback(host)).toBe(false));
