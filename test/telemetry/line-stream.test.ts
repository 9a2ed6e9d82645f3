import { describe, expect, test } from "bun:test";
import { LIMITS } from "../../src/base/mod.ts";
import { LineStream, type Write } from "../../src/telemetry/line-stream.ts";

/** A descriptor whose writes end when the test says so. */
function descriptor() {
  const pending: { text: string; done: (error: Error | null, written: number) => void }[] = [];
  const write: Write = (_fd, bytes, offset, length, done) => {
    pending.push({ text: Buffer.from(bytes).toString("utf8", offset, offset + length), done });
  };
  const next = () => pending.shift() ?? { text: "", done: () => {} };
  return {
    stream: new LineStream(1, write),
    pending,
    /** Ends the oldest write after `count` bytes (default: all) and gives what it wrote. */
    accept(count = Number.POSITIVE_INFINITY): string {
      const { text, done } = next();
      const taken = Math.min(count, text.length);
      done(null, taken);
      return text.slice(0, taken);
    },
    fail(code: string): void {
      next().done(Object.assign(new Error(code), { code }), 0);
    },
  };
}

test("lines are written in order, one write at a time, those that waited together", () => {
  const { stream, pending, accept } = descriptor();
  for (const line of ["one\n", "two\n", "three\n"]) stream.write(line);
  expect(pending.length).toBe(1);
  expect([accept(), accept()]).toEqual(["one\n", "two\nthree\n"]);
  expect(pending.length).toBe(0);
});

test("a write that took only a part is gone on with", () => {
  const { stream, accept } = descriptor();
  stream.write("a line of some length\n");
  expect(accept(5) + accept(3) + accept()).toBe("a line of some length\n");
  expect(stream.dropped).toBe(0);
});

describe.each(["ENOSPC", "EPIPE", "EBADF", "EIO"])("after %s", (code) => {
  test("the lines of that write are dropped and counted, later ones are tried", () => {
    const { stream, accept, fail } = descriptor();
    stream.write("one\n");
    stream.write("two\n");
    stream.write("three\n");
    fail(code);
    fail(code);
    expect(stream.dropped).toBe(3);
    stream.write("four\n");
    expect(accept()).toBe("four\n");
    expect(stream.dropped).toBe(3);
  });

  test("in the middle of a line, the next line starts on a new one", () => {
    const { stream, accept, fail } = descriptor();
    stream.write("zero\n");
    stream.write("one\n");
    stream.write("two\n");
    const head = accept() + accept(6);
    fail(code);
    expect(stream.dropped).toBe(1);
    stream.write("three\n");
    fail(code);
    stream.write("four\n");
    expect(head + accept()).toBe("zero\none\ntw\nfour\n");
    expect(stream.dropped).toBe(2);
  });
});

test("a pipe that is full for now is tried again", async () => {
  const { stream, pending, accept, fail } = descriptor();
  stream.write("one\n");
  fail("EAGAIN");
  while (pending.length === 0) await Bun.sleep(1);
  expect(accept()).toBe("one\n");
  expect(stream.dropped).toBe(0);
});

test("what waits is bounded; further lines are dropped and counted until there is room again", () => {
  const { stream, accept } = descriptor();
  const line = `${"x".repeat(1023)}\n`;
  const fitting = LIMITS.logBufferBytes / line.length;
  for (let i = 0; i < fitting + 7; i++) stream.write(line);
  expect(stream.dropped).toBe(7);
  accept();
  stream.write(line);
  expect(stream.dropped).toBe(7);
  expect(accept().length + accept().length).toBe(fitting * line.length);
});

test("flush ends when everything is written, or when its time is over", async () => {
  const { stream, accept } = descriptor();
  await stream.flush(1000);
  stream.write("one\n");
  await stream.flush(1);
  const flushed = stream.flush(60_000);
  stream.write("two\n");
  accept();
  accept();
  await flushed;
});
