import { expect, test } from "bun:test";
import { TrustedProxies } from "../../src/auth/mod.ts";

test("without trusted proxies the peer is the client, whatever it claims", () => {
  const none = new TrustedProxies([]);
  expect(none.clientAddress("192.0.2.1", "203.0.113.5")).toBe("192.0.2.1");
  expect(none.clientAddress("::ffff:192.0.2.1", null)).toBe("192.0.2.1");
});

test.each([
  ["a trusted peer reports its client", "10.0.0.2", "203.0.113.5", "203.0.113.5"],
  ["a peer that is not trusted is the client", "192.0.2.1", "203.0.113.5", "192.0.2.1"],
  ["trusted hops are skipped from the right", "10.0.0.2", "203.0.113.5, 10.9.9.9", "203.0.113.5"],
  ["what the client invented is not believed", "10.0.0.2", "1.1.1.1, 203.0.113.5", "203.0.113.5"],
  ["no address: the last known hop", "10.0.0.2", "unknown", "10.0.0.2"],
  ["nothing but proxies: the first of them", "10.0.0.2", "10.1.1.1", "10.1.1.1"],
  ["IPv6", "fd00::1", "2001:db8::7", "2001:db8::7"],
  ["IPv4 in IPv6", "::ffff:10.0.0.2", "::ffff:203.0.113.5", "203.0.113.5"],
  ["no header", "10.0.0.2", null, "10.0.0.2"],
])("%s", (_what, peer, forwardedFor, client) => {
  expect(new TrustedProxies(["10.0.0.0/8", "fd00::1"]).clientAddress(peer, forwardedFor)).toBe(client);
});

test.each(["proxy.lan", "10.0.0.0/33", "10.0.0.0/", "fd00::/129", ""])("%p is refused", (proxy) => {
  expect(() => new TrustedProxies([proxy])).toThrow(expect.objectContaining({ code: "invalid_input" }));
});
