import { KINDS } from "../../atom/mod.ts";
import type { Capability, KeyView, MadeKey, NewKey } from "../../auth/mod.ts";
import { Fault, isId } from "../../base/mod.ts";
import type { Args } from "../args.ts";
import { type Context, type OptionSpec, STORE_NODE_OPTIONS, type Word } from "../command.ts";
import { dataDirOf, nodeOf } from "../node.ts";
import { storeKeys } from "../store.ts";

/** Who acts on a data directory without a node. */
const BY = "command line";

/** Switches and the capability that each gives. */
const GIVES: readonly (readonly [flag: string, capability: Capability, about: string])[] = [
  ["forget", "forget", "may forget memories"],
  ["manage", "manage_worlds", "may manage worlds and policies"],
  ["metrics", "metrics", "may read metrics"],
  ["admin", "admin", "may do everything, keys and control included"],
];

const RIGHTS: readonly OptionSpec[] = [
  { flags: "--read <world>", about: 'may read this world, or worlds such as "sensor/*"', repeat: true },
  { flags: "--write <world>", about: "may write it", repeat: true },
  ...GIVES.map(([flag, , about]) => ({ flags: `--${flag}`, about })),
  { flags: "--kind <kind>", about: "may write this kind of atoms only", choices: KINDS, repeat: true },
  { flags: "--label <label>", about: 'may give this label only, or labels such as "room:*"', repeat: true },
  { flags: "--worker <name>", about: "writes as this worker only" },
  { flags: "--session <session>", about: "may use this session of the memory family only", repeat: true },
  { flags: "--importance-cap <x>", about: "largest importance it may give, 0 to 1" },
  { flags: "--remember-per-sec <n>", about: "atoms a second" },
];

export const word: Word = {
  summary: "make, list and revoke keys (over HTTP with an admin key, or offline with --data-dir)",
  actions: {
    create: {
      summary: "make a key; it is shown once",
      options: [{ flags: "--name <name>", about: "what the key is for" }, ...RIGHTS, ...STORE_NODE_OPTIONS],
      examples: [
        "dwbase keys create --name kitchen --read 'home/*' --write home/kitchen",
        "dwbase keys create --name rescue --admin --data-dir /var/lib/dwbase/data",
      ],
      run: create,
    },
    list: {
      summary: "show the keys and what they may do",
      options: STORE_NODE_OPTIONS,
      examples: ["dwbase keys list"],
      run: list,
    },
    revoke: {
      summary: "take a key away, by its id or name",
      args: "<key>",
      options: STORE_NODE_OPTIONS,
      examples: ["dwbase keys revoke kitchen"],
      run: revoke,
    },
  },
};

/** Where keys are made: at a node, or in the directory of one that is stopped. */
interface Keys {
  create(key: NewKey): Promise<MadeKey>;
  list(): Promise<KeyView[]>;
  revoke(id: string): Promise<void>;
}

async function keysOf(context: Context): Promise<Keys> {
  const { args } = context;
  if (!args.text("data-dir") && !args.text("path")) {
    const node = nodeOf(context);
    return {
      create: (key) => node.createKey(key),
      list: () => node.keys(),
      revoke: (id) => node.revokeKey(id),
    };
  }
  const { keyDigest, newKey } = await import("../../auth/mod.ts");
  const { commitOffline, createKey, listKeys, lookInto, revokeKey } = await import("../../storage/mod.ts");
  const dataDir = dataDirOf(context);
  const keyring = await storeKeys(context);
  return {
    async create(key) {
      const secret = newKey();
      const sha256 = keyDigest(secret).toHex();
      const { id, name } = commitOffline(dataDir, (ctx) => createKey(ctx, key, sha256, BY), keyring);
      return { id, name, key: secret };
    },
    list: async () => lookInto(dataDir, listKeys, keyring).map(({ sha256: _, ...view }) => view),
    revoke: async (id) => commitOffline(dataDir, (ctx) => revokeKey(ctx, id, BY), keyring),
  };
}

/** The request for a key, as the command line tells it. @throws Fault usage, invalid_input */
async function requestOf(args: Args): Promise<NewKey> {
  const { checkKeyRequest } = await import("../../auth/mod.ts");
  const name = args.text("name");
  if (name === undefined) throw new Fault("usage", "say what the key is for: --name kitchen");
  const lists = {
    read_worlds: "read",
    write_worlds: "write",
    kinds: "kind",
    labels: "label",
    sessions: "session",
  };
  const fields = {
    ...Object.fromEntries(Object.entries(lists).map(([field, option]) => [field, args.list(option)])),
    worker: args.text("worker"),
    importance_cap: args.number("importance-cap", { min: 0, max: 1 }),
    remember_per_sec: args.number("remember-per-sec", { min: 0 }),
  };
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const named = GIVES.filter(([flag]) => args.has(flag)).map(([, capability]) => capability);
  const worlds = [
    ...(given.read_worlds ? ["read_worlds"] : []),
    ...(given.write_worlds ? ["write_worlds"] : []),
  ];
  const capabilities = [...worlds, ...named];
  return checkKeyRequest({ name, ...given, ...(capabilities.length > 0 ? { capabilities } : {}) });
}

async function create(context: Context): Promise<void> {
  const { args, print } = context;
  const request = await requestOf(args);
  const made = await (await keysOf(context)).create(request);
  if (print.json) return print.document(made);
  print.line(made.key);
  print.note(
    `the key ${made.name} (${made.id}) is shown this once; it may ${request.capabilities.join(", ")}`,
  );
}

async function list(context: Context): Promise<void> {
  const { print } = context;
  const keys = await (await keysOf(context)).list();
  if (print.json) return print.document(keys);
  print.table(
    ["NAME", "ID", "MADE", "MAY", "READS", "WRITES"],
    keys.map((key) => [
      key.name,
      key.id,
      key.created_at,
      key.capabilities.join(", "),
      key.read_worlds?.join(", ") ?? "all",
      key.write_worlds?.join(", ") ?? "all",
    ]),
  );
}

async function revoke(context: Context): Promise<void> {
  const { args, print } = context;
  const keys = await keysOf(context);
  const wanted = args.word(0);
  const id = isId(wanted) ? wanted : (await keys.list()).find(({ name }) => name === wanted)?.id;
  if (id === undefined) throw new Fault("not_found", `there is no key named ${JSON.stringify(wanted)}`);
  await keys.revoke(id);
  if (print.json) print.document({ id, revoked: true });
  else print.line(`revoked ${wanted}`);
}
