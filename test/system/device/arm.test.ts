/** The arm64 executable on a whole emulated device, as a person installs it: minutes, so it runs by `npm run test:arm`. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import { atomOf, figure, until } from "../harness.ts";
import { ArmDevice, type Model, whyNoDevice } from "./arm.ts";

const BIN = process.env.DWBASE_ARM_BIN ? resolve(process.env.DWBASE_ARM_BIN) : "";
const why = BIN === "" ? "set DWBASE_ARM_BIN to the arm64 executable" : whyNoDevice();
const TEST_MS = 900_000;
/** The first run makes the system, with emulated programs. */
const MAKE_MS = 3_600_000;
const SERVES_MS = 120_000;
const LOAD_MS = 20_000;
/** Milliseconds from exec until systemd was told READY=1; kB that the node takes. */
const READY =
  "echo $((($(systemctl show -P ActiveEnterTimestampMonotonic dwbase) - " +
  "$(systemctl show -P ExecMainStartTimestampMonotonic dwbase)) / 1000))";
const RSS = "ps -o rss= -C dwbase | head -n 1";
const CLIENTS = 8;

/** A Raspberry Pi 4 with 1 GB, and the like of a Pi Zero 2 W. */
const MODELS: readonly Model[] = [
  { cpu: "cortex-a72", memoryMb: 1024 },
  { cpu: "cortex-a53", memoryMb: 512 },
];

describe.each(MODELS)("an emulated $cpu with $memoryMb MB", (model) => {
  setDefaultTimeout(TEST_MS);
  let device: ArmDevice;
  let key = "";
  const acknowledged: string[] = [];

  const request = (path: string, body?: object): Promise<Response> =>
    fetch(`http://127.0.0.1:${device.port}${path}`, {
      method: body ? "POST" : "GET",
      keepalive: false,
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const remember = async (text: string): Promise<void> => {
    const answer = await request("/remember", atomOf(text));
    if (answer.status !== 200) throw new Error(`remember answered ${answer.status}`);
    acknowledged.push((await answer.json()) as string);
  };
  const serves = () =>
    until("the node serves", SERVES_MS, () =>
      request("/readyz").then(
        ({ status }) => status === 200,
        () => false,
      ),
    );

  if (why !== "") {
    test.skip(`skipped: ${why}`, () => {});
    return;
  }
  beforeAll(() => {
    device = ArmDevice.make(model, BIN);
  }, MAKE_MS);
  afterAll(() => device?.cutPower());

  test("installs, starts, and answers over the network", async () => {
    const booted = await device.powerOn();
    await device.must("/root/dwbase install --listen 0.0.0.0:8080");
    await device.must("systemctl start dwbase");
    key = await device.must("cat /var/lib/dwbase/data/secrets/admin.key");
    await serves();
    await remember("The spare key is under the blue pot.");
    const asked = await request("/ask", { world: "home", text: "where is the key" });
    expect(((await asked.json()) as { text: string }).text).toContain("under the blue pot");
    const [ready, rss] = [await device.must(READY), await device.must(RSS)];
    figure(
      `${model.cpu}, ${model.memoryMb} MB: up in ${booted.toFixed(0)} s, ready in ${ready} ms, resident ${rss} kB`,
    );
  });

  test("backs up to an attached disk", async () => {
    await device.must("mkdir -p /media/usb && mount /dev/vdb /media/usb");
    await device.must("dwbase install --listen 0.0.0.0:8080 --backup-target /media/usb");
    await device.must("systemctl start dwbase-backup");
    const verified = await device.must("dwbase backup verify /media/usb/*.tzst");
    expect(verified).toContain(`${acknowledged.length} atoms`);
  });

  test("loses nothing that was acknowledged when the power goes", async () => {
    const end = performance.now() + LOAD_MS;
    let cut = false;
    const client = async (name: number) => {
      for (let n = 0; !cut; n++) await remember(`reading ${n} of ${name}`).catch(() => (cut = true));
    };
    const clients = Array.from({ length: CLIENTS }, (_, name) => client(name));
    await Bun.sleep(end - performance.now());
    await device.cutPower();
    cut = true;
    await Promise.all(clients);
    await device.powerOn();
    await serves();
    const lost: string[] = [];
    for (const id of acknowledged) if ((await request(`/atoms/${id}`)).status !== 200) lost.push(id);
    expect(lost).toEqual([]);
    await device.must("systemctl stop dwbase");
    const checked = await device.must("dwbase storage check --deep --data-dir /var/lib/dwbase/data");
    expect(checked).toContain("is whole");
    figure(
      `${model.cpu}, ${model.memoryMb} MB: power cut under load, ${acknowledged.length} acknowledged, 0 lost`,
    );
  });
});
