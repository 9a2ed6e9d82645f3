/** Which connections are closed when there are too many, and that the kernel's list of them is the runtime's. */
import { describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { descriptorLimit, LIMITS, openDescriptors } from "../../src/base/mod.ts";
import { connectionsWithin, Uses } from "../../src/server/connections.ts";
import { peerKey, Sockets } from "../../src/server/sockets.ts";

/** A connection from this port, which has been quiet for so long. */
const open = (port: number, quietMs: number, unsent = 0) => ({
  fd: port,
  peer: peerKey("192.0.2.1", port),
  quietMs,
  unsent,
});
const peer = (port: number) => ({ address: "192.0.2.1", port });

describe("of too many connections", () => {
  test("those go that never asked, the oldest first, then those that have been quiet longest", () => {
    const uses = new Uses();
    for (const port of [1, 2, 3]) uses.end(uses.begin(peer(port)), 0);
    const all = [open(1, 900), open(2, 5000), open(3, 10), open(4, 50), open(5, 70)];
    const ports = (most: number) => uses.beyond(most, all).map(({ fd }) => fd);
    expect(ports(5)).toEqual([]);
    expect(ports(4)).toEqual([5]);
    expect(ports(1)).toEqual([5, 4, 2, 1]);
    expect(ports(0)).toEqual([5, 4, 2, 1, 3]);
  });

  test("none goes whose request is under way, one of several too", () => {
    const uses = new Uses();
    const [first] = [uses.begin(peer(1)), uses.begin(peer(1))];
    const all = [open(1, 60_000), open(2, 1)];
    uses.end(first, 0);
    expect(uses.beyond(0, all)).toEqual([open(2, 1)]);
    uses.end(first, 0);
    expect(uses.beyond(0, all)).toEqual([open(2, 1), open(1, 60_000)]);
  });

  test("what is gone is forgotten: a new one from the same port has asked nothing", () => {
    const uses = new Uses();
    for (const port of [1, 2]) uses.end(uses.begin(peer(port)), 0);
    uses.keep([open(2, 0)]);
    expect(uses.size).toBe(1);
    expect(uses.beyond(1, [open(2, 900), open(1, 10)])).toEqual([open(1, 10)]);
  });
});

describe("of answers that are not taken", () => {
  test("those end that were given first, until the rest can be held", () => {
    const uses = new Uses();
    for (const port of [1, 2, 3, 4]) uses.end(uses.begin(peer(port)), 100);
    const [taken, stuck] = [open(1, 5), [2, 3, 4].map((port) => open(port, 5, 50))];
    const ended = (most: number) =>
      uses.unread(most, [taken, ...stuck.toReversed()]).ended.map(({ fd }) => fd);
    expect(uses.given).toBe(400);
    expect(uses.unread(300, [taken, ...stuck])).toEqual({ waiting: 300, ended: [] });
    expect(ended(299)).toEqual([2]);
    expect(ended(100)).toEqual([2, 3]);
    expect(ended(99)).toEqual([2, 3, 4]);
  });

  test("what was sent before does not count, nor what is only begun", () => {
    const uses = new Uses();
    const use = uses.begin(peer(1));
    uses.end(use, 1000);
    uses.end(uses.begin(peer(1)), 1);
    uses.begin(peer(2));
    expect(uses.unread(0, [open(1, 5, 1), open(2, 5, 9), open(3, 5, 9)])).toMatchObject({ waiting: 1 });
  });
});

test("where few files may be open, the store's come first", () => {
  expect(connectionsWithin(8192)).toBe(LIMITS.connections);
  expect(connectionsWithin(Number.POSITIVE_INFINITY)).toBe(LIMITS.connections);
  expect(connectionsWithin(1024)).toBe(1024 - LIMITS.ownDescriptors);
  expect(connectionsWithin(100)).toBe(50);
});

test("the unit lets more files be opened than connections and store take, also while some are yet to be closed", () => {
  const limit = Number(/^LimitNOFILE=(\d+)$/m.exec(readFileSync("systemd/dwbase.service", "utf8"))?.[1]);
  expect(limit).toBeGreaterThanOrEqual(3 * LIMITS.connections + LIMITS.ownDescriptors);
});

test("open files are counted, and below their limit", () => {
  const before = openDescriptors();
  const files = Array.from({ length: 20 }, () => openSync("/dev/null", "r"));
  expect(openDescriptors()).toBeGreaterThanOrEqual(before + 20);
  for (const fd of files) closeSync(fd);
  expect(openDescriptors()).toBeLessThan(before + 20);
  expect(descriptorLimit()).toBeGreaterThan(before + 20);
});

describe.each([
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["::", "127.0.0.1"],
])("a listener on %s", (hostname, host) => {
  test(`has its connection from ${host} listed by the name that the runtime gives it, and can end it`, async () => {
    let named = "";
    const server = Bun.serve({
      hostname,
      port: 0,
      fetch(request, at) {
        const { address, port } = at.requestIP(request)!;
        named = peerKey(address, port);
        return new Response();
      },
    });
    const other = Bun.serve({ hostname, port: 0, fetch: () => new Response() });
    const socket = connect({ host, port: server.port! });
    const elsewhere = connect({ host, port: other.port! });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    try {
      await new Promise((resolve) => elsewhere.once("connect", resolve));
      socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await new Promise((resolve) => socket.once("data", resolve));
      const sockets = new Sockets({ kind: "tcp", host: hostname, port: server.port! });
      const found = sockets.accepted();
      expect(found).toHaveLength(1);
      expect(found[0]!.peer).toBe(named);
      expect(found[0]!.quietMs).toBeLessThan(60_000);
      sockets.end(found[0]!.fd);
      await closed;
      sockets.close();
      expect(elsewhere.destroyed).toBe(false);
    } finally {
      elsewhere.destroy();
      await Promise.all([server.stop(true), other.stop(true)]);
    }
  });
});

test("of a Unix socket's connections those are oldest that have been seen longest, and those of no other are listed", async () => {
  const dir = mkdtempSync(join(tmpdir(), "dwbase-sockets-"));
  const paths = [join(dir, "node"), join(dir, "node2")];
  const servers = paths.map((unix) => Bun.serve({ unix, fetch: () => new Response() }));
  const clients: Socket[] = [];
  const sockets = new Sockets({ kind: "unix", path: paths[0]! });
  try {
    for (const path of [paths[0]!, paths[1]!, paths[0]!, paths[0]!]) {
      const client = connect({ path });
      clients.push(client);
      client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await new Promise((resolve) => client.once("data", resolve));
      expect(sockets.accepted()).not.toBeEmpty();
    }
    const found = sockets.accepted();
    expect(found).toHaveLength(3);
    const closed = new Promise((resolve) => clients[0]!.once("close", resolve));
    sockets.end(new Uses().beyond(2, found)[0]!.fd);
    await closed;
    expect(clients.slice(1).map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
  } finally {
    for (const client of clients) client.destroy();
    await Promise.all(servers.map((server) => server.stop(true)));
    sockets.close();
    rmSync(dir, { recursive: true });
  }
});
