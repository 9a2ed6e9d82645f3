/** What leaves the device in a support bundle holds no secret. */
import { expect, test } from "bun:test";
import { Redactor } from "../../src/cli/redaction.ts";

const HEX = "0123456789abcdef".repeat(4);
const OWN = "Zk3-x_9QmB7vR1tLw8YpA2sDf4GhJk6LzXcVbNm0QwE";

test("values of variables that are named like keys go, wherever they stand", () => {
  const redactor = new Redactor({ WW_API_KEY: "hunter22", DB_PASSWORD: "correct horse", HOME: "/root" }, [
    "by-hand-1",
  ]);
  const text = redactor.clean("a hunter22 b correct horse c by-hand-1 d /root");
  expect(text).toBe("a [redacted] b [redacted] c [redacted] d /root");
});

test("what looks like a key goes, though nobody named it", () => {
  const redactor = new Redactor({});
  for (const secret of [
    `Authorization: Bearer abcdef123456`,
    `{"x-api-key":"abcdef123456"}`,
    `api_key=abcdef123456&x=1`,
    `https://user:abcdef123456@host/path`,
    `password: abcdef123456`,
    `-----BEGIN RSA PRIVATE KEY-----\nabcdef123456\n-----END RSA PRIVATE KEY-----`,
  ]) {
    expect(redactor.clean(secret)).not.toContain("abcdef123456");
  }
  expect(redactor.clean(`the key ${HEX} and ${OWN}.`)).toBe("the key [redacted] and [redacted].");
});

test("all else stays as it is", () => {
  const text =
    "listening on http://127.0.0.1:8080, id 01a201d5-0ee9-76a7-a411-b3da685bef3b, atoms 12345, tokens 99";
  expect(new Redactor({ A: "x" }).clean(text)).toBe(text);
});
