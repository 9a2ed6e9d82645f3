import { statSync } from "node:fs";
import { asFault, clockIsSane, layout, MB, systemClock } from "../base/mod.ts";
import type { Finding } from "../health/mod.ts";
import type { Context } from "./command.ts";
import { configured, dataDirOf, nodeOf } from "./node.ts";

const NODE_MS = 3000;

/** Why the native library cannot be loaded, "" when it can, undefined when this user may not try. */
async function libraryTrouble(dataDir: string): Promise<string | undefined> {
  const { loadAddon } = await import("../vector/mod.ts");
  // what another user lays down there, root too, the node could not use
  if (statSync(dataDir, { throwIfNoEntry: false })?.uid !== process.geteuid!()) return undefined;
  try {
    loadAddon(layout(dataDir).lib);
    return "";
  } catch (cause) {
    return asFault(cause).message;
  }
}

/** What the node says of itself, when it answers. */
async function nodeFindings(context: Context): Promise<Finding[]> {
  try {
    const { checks, message } = await nodeOf(context, NODE_MS).health();
    const bad = checks.filter(({ status }) => status !== "ok");
    if (bad.length === 0) return [{ name: "node", status: "ok", message: `the node answers: ${message}` }];
    return bad.map(({ name, status, message }) => ({
      name: `node ${name}`,
      status: status as Finding["status"],
      message,
    }));
  } catch (cause) {
    return [{ name: "node", status: "warning", message: asFault(cause).message }];
  }
}

/** Everything that doctor finds about this device and its node. */
export async function examination(context: Context): Promise<Finding[]> {
  const [health, { lastBackup }, { ramBudget }] = await Promise.all([
    import("../health/mod.ts"),
    import("../backup/mod.ts"),
    import("../watchdog/mod.ts"),
  ]);
  const { config } = configured(context);
  const dataDir = dataDirOf(context);
  const findings = health.examine({
    machine: health.thisMachine,
    dataDir,
    ramBudget: ramBudget(config.limits.maxRamMb),
    diskBudget: config.limits.maxDiskMb * MB,
    backup: lastBackup(dataDir),
    backups: config.backup.target !== "",
    now: context.io.now(),
    clockSane: clockIsSane(systemClock),
    throttled:
      (await health.readThrottled()) ?? vcgencmd(health.thisMachine.run(["vcgencmd", "get_throttled"])),
    clockSynced: await health.readClockSynced(),
    libraryTrouble: await libraryTrouble(dataDir),
  });
  return [...findings, ...(await nodeFindings(context))];
}

/** "throttled=0x50005" */
function vcgencmd(said: string | undefined): number | undefined {
  const flags = /throttled=0x([0-9a-f]+)/i.exec(said ?? "")?.[1];
  return flags === undefined ? undefined : Number.parseInt(flags, 16);
}
