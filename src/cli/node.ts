import { resolve } from "node:path";
import { asFault, layout, readIfThere } from "../base/mod.ts";
import { Client, DEFAULT_API, parseApi } from "../client/mod.ts";
import { apiOf, type Loaded, loadConfig, parseListen } from "../config/mod.ts";
import type { Context } from "./command.ts";

/** The configuration of the node that this command line speaks of. */
export function configured({ args, io }: Context): Loaded {
  const path = args.text("config");
  return loadConfig({ env: io.env, cwd: io.cwd, ...(path === undefined ? {} : { path }) });
}

/** --data-dir, --path, or the configured node's. */
export function dataDirOf(context: Context): string {
  const given = context.args.text("data-dir") ?? context.args.text("path");
  return resolve(context.io.cwd, given ?? configured(context).config.node.dataDir);
}

/** The node that --api and --key, the environment, or the local key file lead to. */
export function nodeOf(context: Context, defaultTimeoutMs?: number): Client {
  const { args, io } = context;
  const api = args.text("api") ?? (io.env.DWBASE_API || apiOfConfig(context));
  const given = args.text("key") ?? (io.env.DWBASE_API_KEY || undefined);
  // The key file of this machine's node is for this machine's node alone, and only where it asks for a key.
  const spareKey = given === undefined && parseApi(api).local ? localKey(context) : undefined;
  const timeoutMs = args.duration("timeout") ?? defaultTimeoutMs;
  return new Client({ api, key: given, spareKey, timeoutMs, hint: hintOf(context, api) });
}

/** A node that is configured elsewhere than where commands look by default. */
function hintOf(context: Context, api: string): string | undefined {
  if (api !== DEFAULT_API) return undefined;
  try {
    const there = apiOf(parseListen(configured(context).config.node.listen));
    return there === api ? undefined : `the configured one listens at ${there}: name it with --api`;
  } catch {
    return undefined; // a broken configuration is no business of a command that does not need it
  }
}

/**
 * Whether a directory is named and no address: the node at the default address need not be that directory's.
 */
export function namesDirectoryAlone({ args, io }: Context): boolean {
  const named = args.text("data-dir") ?? args.text("path");
  return named !== undefined && args.text("api") === undefined && !io.env.DWBASE_API;
}

/** A configuration that is named tells where its node listens. */
function apiOfConfig(context: Context): string {
  if (context.args.text("config") === undefined) return DEFAULT_API;
  return apiOf(parseListen(configured(context).config.node.listen));
}

function localKey(context: Context): string | undefined {
  try {
    return readIfThere(layout(dataDirOf(context)).adminKey)?.trim() || undefined;
  } catch (error) {
    // An open node needs no key, so that is not the command's failure; a wish that was spelled out is.
    if (context.args.text("config") !== undefined) throw error;
    if (context.io.env.DWBASE_DEBUG === "1") context.print.note(`no local key: ${asFault(error).message}`);
    return undefined;
  }
}
