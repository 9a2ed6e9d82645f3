import { Fault } from "../../base/mod.ts";
import { CIRCUIT_ACTIONS, type CircuitView, type FlagView, PANIC_LEVELS } from "../../control/mod.ts";
import { type Context, NODE_OPTIONS, type Word } from "../command.ts";
import { nodeOf } from "../node.ts";

export const word: Word = {
  summary: "switch flags, stop a node in an emergency, operate circuit breakers (admin key)",
  actions: {
    status: {
      summary: "show the panic level and the circuit breakers",
      options: NODE_OPTIONS,
      examples: ["dwbase control status"],
      run: status,
    },
    flags: {
      summary: "list the flags, or set one",
      args: "[flag] [on-or-off]",
      options: [
        {
          flags: "--rollout <percent>",
          about: "part of the sessions (else keys) for which it is on, 0 to 100",
        },
        ...NODE_OPTIONS,
      ],
      examples: ["dwbase control flags", "dwbase control flags read_only_mode on"],
      run: flags,
    },
    panic: {
      summary: "stop work: DEGRADED background, LIMITED writes, CRITICAL and TOTAL all but health",
      args: "<level> [...reason]",
      choices: PANIC_LEVELS.slice(1),
      options: [
        { flags: "--source <source>", about: 'who raises it; "shutdown" with TOTAL ends the node for good' },
        ...NODE_OPTIONS,
      ],
      examples: ["dwbase control panic LIMITED the card makes errors"],
      run: panic,
    },
    recover: {
      summary: "lower the panic level",
      args: "[level]",
      choices: PANIC_LEVELS.slice(0, -1),
      options: NODE_OPTIONS,
      examples: ["dwbase control recover", "dwbase control recover DEGRADED"],
      run: recover,
    },
    circuits: {
      summary: "list the circuit breakers, or operate one",
      args: "[circuit] [action]",
      options: NODE_OPTIONS,
      examples: ["dwbase control circuits", "dwbase control circuits embedding reset"],
      run: circuits,
    },
  },
};

interface Emergency {
  panic_level: string;
  reason: string;
  is_shutting_down: boolean;
  in_flight_count: number;
  panic_events_count: number;
  circuit_breakers: Record<string, string>;
}

function printEmergency({ print }: Context, emergency: Emergency): void {
  if (print.json) {
    print.document(emergency);
    return;
  }
  const { panic_level, reason, in_flight_count, circuit_breakers } = emergency;
  print.fields([
    ["panic level", reason === "" ? panic_level : `${panic_level} (${reason})`],
    ["requests in flight", String(in_flight_count)],
    ...Object.entries(circuit_breakers).map(([name, state]) => [`circuit ${name}`, state] as const),
  ]);
}

async function status(context: Context): Promise<void> {
  printEmergency(context, await nodeOf(context).control("GET", "/emergency"));
}

async function flags(context: Context): Promise<void> {
  const { args, print } = context;
  const node = nodeOf(context);
  const name = args.optional(0);
  const rollout_percentage = args.number("rollout", { min: 0, max: 100 });
  const enabled = switched(args.optional(1));
  if (name === undefined) {
    const { flags: all } = await node.control<{ flags: FlagView[] }>("GET", "/flags");
    if (print.json) return print.document(all);
    return printFlags(context, all);
  }
  const path = `/flags/${encodeURIComponent(name)}`;
  const change = {
    ...(enabled === undefined ? {} : { enabled }),
    ...(rollout_percentage === undefined ? {} : { rollout_percentage }),
  };
  const view =
    Object.keys(change).length === 0
      ? await node.control<FlagView>("GET", path)
      : await node.control<FlagView>("PATCH", path, change);
  if (print.json) print.document(view);
  else printFlags(context, [view]);
}

function printFlags({ print }: Context, all: readonly FlagView[]): void {
  const rows = all.map((flag) => [
    flag.name,
    flag.enabled ? "on" : "off",
    `${flag.rollout_percentage} %`,
    flag.source,
    flag.description,
  ]);
  print.table(["FLAG", "IS", "ROLLOUT", "SET BY", "WHAT IT DOES"], rows);
}

/** @throws Fault usage */
function switched(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === "on" || text === "off") return text === "on";
  throw new Fault("usage", `a flag is set on or off, got "${text}"`);
}

async function panic(context: Context): Promise<void> {
  const { args } = context;
  const source = args.text("source");
  const reason = args.rest(1).join(" ");
  if (reason.trim() === "")
    throw new Fault("usage", "say why: dwbase control panic LIMITED the card makes errors");
  const request = { level: args.word(0), reason, ...(source === undefined ? {} : { source }) };
  printEmergency(context, await nodeOf(context).control("POST", "/emergency/panic", request));
}

async function recover(context: Context): Promise<void> {
  const level = context.args.optional(0) ?? "NONE";
  printEmergency(context, await nodeOf(context).control("POST", "/emergency/recover", { level }));
}

async function circuits(context: Context): Promise<void> {
  const { args, print } = context;
  const node = nodeOf(context);
  const [name, action] = [args.optional(0), args.optional(1)];
  if (action !== undefined && !CIRCUIT_ACTIONS.some((each) => each === action)) {
    throw new Fault("usage", `a circuit takes ${CIRCUIT_ACTIONS.join(", ")}, got "${action}"`);
  }
  const path = name === undefined ? "/circuits" : `/circuits/${encodeURIComponent(name)}`;
  const answer =
    action === undefined
      ? await node.control<CircuitView | { circuits: CircuitView[] }>("GET", path)
      : await node.control<CircuitView>("POST", path, { action });
  const all = "circuits" in answer ? answer.circuits : [answer];
  if (print.json) return print.document("circuits" in answer ? all : answer);
  const rows = all.map((circuit) => [
    circuit.name,
    circuit.state,
    `${circuit.failure_count} of ${circuit.failure_threshold} failures`,
    circuit.description,
  ]);
  print.table(["CIRCUIT", "STATE", "COUNTED", "WHAT IT GUARDS"], rows);
}
