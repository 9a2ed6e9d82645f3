/** sd_notify: what a service manager on a datagram socket hears. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceManager } from "../../src/daemon/service-manager.ts";

const dir = mkdtempSync(join(tmpdir(), "dwbase-notify-"));
const python = Bun.which("python3");
let listener: Bun.Subprocess<"ignore", "pipe"> | undefined;

/** A manager's end of the socket: prints what arrives, a datagram a line. */
const LISTEN = `
import socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + name[1:] if name[0] == "@" else name)
print("bound", flush=True)
while True:
    print(s.recv(4096).decode().replace("\\n", "|"), flush=True)
`;

afterEach(() => {
  listener?.kill();
  rmSync(dir, { recursive: true, force: true });
});

async function hear(name: string): Promise<() => Promise<string>> {
  listener = Bun.spawn([python!, "-c", LISTEN, name], { stdin: "ignore", stdout: "pipe" });
  const reader = listener.stdout.pipeThrough(new TextDecoderStream() as never).getReader();
  let text = "";
  const line = async (): Promise<string> => {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the listener ended");
      text += value;
    }
    const [first, ...rest] = text.split("\n");
    text = rest.join("\n");
    return first!;
  };
  expect(await line()).toBe("bound");
  return line;
}

test.skipIf(!python).each([
  ["a path", join(dir, "notify")],
  ["an abstract name", `@dwbase-test-${process.pid}`],
])("%s hears the whole life of a node", async (_, socket) => {
  await Bun.$`mkdir -p ${dir}`.quiet();
  const line = await hear(socket);
  let still = 0;
  const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "120000" };
  const manager = await ServiceManager.connect({ env, stillMs: () => still, status: () => "well" });
  manager.starting();
  expect(await line()).toBe("EXTEND_TIMEOUT_USEC=30000000|STATUS=opening the store");
  manager.ready();
  expect(await line()).toBe("READY=1|STATUS=well");
  expect(await line()).toBe("WATCHDOG=1|STATUS=well");
  // a thread that hangs ends the keep-alives at once
  still = 100;
  let heard = await line();
  while (heard === "WATCHDOG=1|STATUS=well") heard = await line();
  expect(heard).toBe("WATCHDOG=trigger|STATUS=a thread hangs");
  manager.stopping();
  heard = await line();
  while (heard.startsWith("WATCHDOG")) heard = await line();
  expect(heard).toBe("STOPPING=1|STATUS=finishing what is under way");
});

test("without a manager nothing is sent and nothing fails", async () => {
  const manager = await ServiceManager.connect({ env: {}, stillMs: () => 0, status: () => "" });
  manager.starting();
  manager.ready();
  manager.reloading();
  manager.stopping();
});

test("keep-alives meant for another process are not ours to send", async () => {
  const env = { NOTIFY_SOCKET: join(dir, "nobody"), WATCHDOG_USEC: "1000", WATCHDOG_PID: "1" };
  const manager = await ServiceManager.connect({ env, stillMs: () => 0, status: () => "" });
  manager.ready();
  await Bun.sleep(5);
  manager.stopping();
});
