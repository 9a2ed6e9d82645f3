import { enterSmallHeap } from "../../base/mod.ts";
import { loadConfig } from "../../config/mod.ts";
import { CONFIG_OPTION, type Word } from "../command.ts";

/** Flags that stand for settings of the file. */
const SETTING_OF: Record<string, string> = { listen: "node.listen", "data-dir": "node.data_dir" };

export const word: Word = {
  summary: "run the node in the foreground",
  options: [
    CONFIG_OPTION,
    { flags: "--listen <address>", about: "host:port or unix:/path" },
    { flags: "--data-dir <dir>", about: "where the memory lies" },
  ],
  examples: ["dwbase serve", "dwbase serve --listen 0.0.0.0:8080 --data-dir /var/lib/dwbase/data"],
  async run({ args, io }) {
    const flags: Record<string, string> = {};
    for (const [flag, key] of Object.entries(SETTING_OF)) {
      const value = args.text(flag);
      if (value !== undefined) flags[key] = value;
    }
    const path = args.text("config");
    const loaded = loadConfig({ flags, env: io.env, cwd: io.cwd, ...(path === undefined ? {} : { path }) });
    const { ramBudget } = await import("../../watchdog/mod.ts");
    await enterSmallHeap(ramBudget(loaded.config.limits.maxRamMb));
    const { serve } = await import("../../daemon/mod.ts");
    // Under a service manager there is nobody to greet. Stdout is the log's alone: JSON lines and nothing else.
    return serve(loaded, io.env.INVOCATION_ID === undefined ? { greet: (text) => io.err(text) } : {});
  },
};
