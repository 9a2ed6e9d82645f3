import { type TSchema, Type } from "@sinclair/typebox";
import { oneOf } from "../../atom/mod.ts";
import { LIMITS } from "../../base/mod.ts";
import {
  CIRCUIT_ACTIONS,
  type CircuitAction,
  type ControlAct,
  checkCircuitAction,
  checkFlagChange,
  checkPanic,
  checkRecover,
  type FlagSetting,
  LINE,
  PANIC_LEVELS,
  type PanicLevel,
  type PanicRequest,
} from "../../control/mod.ts";
import type { Exchange } from "../exchange.ts";
import { API } from "../path.ts";
import { type GuardedRoute, guarded, type Route } from "../route.ts";

/** The control plane: with an admin key only, and answered at every panic level and in maintenance. */

const CONTROL = `${API}/control`;

type Spec<Input> = Omit<GuardedRoute<Input>, "tag" | "access" | "always">;

function control<Input>(spec: Spec<Input>): Route {
  return guarded<Input>({ ...spec, tag: "control", access: "admin", always: true });
}

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

function listOf(name: string, item: TSchema) {
  return Type.Object({ [name]: Type.Array(item), total: Type.Integer({ minimum: 0 }) });
}

const FlagSchema = Type.Object({
  name: Type.String(),
  enabled: Type.Boolean(),
  rollout_percentage: Type.Number({ minimum: 0, maximum: 100 }),
  description: Type.String(),
  owner: Type.String({ description: "The part of the node that asks it." }),
  usage_count: Type.Integer({ minimum: 0, description: "How often it was asked since the start." }),
  source: oneOf(["default", "environment", "control"], "Where the value comes from."),
});

const FLAG = { name: "Name of a flag." };

const flags = control<undefined>({
  method: "GET",
  path: `${CONTROL}/flags`,
  summary: "List the flags",
  answer: { status: 200, description: "All flags.", schema: listOf("flags", FlagSchema) },
  run: async ({ exchange }) => {
    const flags = exchange.shared.control.flags();
    return exchange.value(200, { flags, total: flags.length });
  },
});

const flag = control<string>({
  method: "GET",
  path: `${CONTROL}/flags/:name`,
  params: FLAG,
  summary: "Get a flag",
  parameters: nameOf,
  answer: { status: 200, description: "The flag.", schema: FlagSchema },
  faults: ["not_found"],
  run: async ({ exchange, input }) => exchange.value(200, exchange.shared.control.flag(input)),
});

const setFlag = control<Partial<FlagSetting>>({
  method: "PATCH",
  path: `${CONTROL}/flags/:name`,
  params: FLAG,
  summary: "Set a flag",
  description: "It acts at once, goes before the environment and survives restarts.",
  body: {
    schema: Type.Object(
      {
        enabled: Type.Optional(Nullable(Type.Boolean())),
        rollout_percentage: Type.Optional(Nullable(Type.Number({ minimum: 0, maximum: 100 }))),
      },
      {
        description: "At least one of them must be set.",
        anyOf: [
          { required: ["enabled"], properties: { enabled: { type: "boolean" } } },
          { required: ["rollout_percentage"], properties: { rollout_percentage: { type: "number" } } },
        ],
      },
    ),
    form: true,
    check: checkFlagChange,
  },
  answer: { status: 200, description: "The flag as it is now.", schema: FlagSchema },
  faults: ["not_found", "disk_full"],
  async run({ exchange, caller, input }) {
    return exchange.value(200, await exchange.shared.control.setFlag(nameOf(exchange), input, caller.name));
  },
});

const Level = oneOf(PANIC_LEVELS, "From harmless to worst.");
const State = oneOf(["closed", "open", "half_open"], "open: calls are refused; half_open: some are tried.");
const CircuitSchema = Type.Object({
  name: Type.String(),
  description: Type.String(),
  state: State,
  failure_count: Type.Integer({ minimum: 0 }),
  success_count: Type.Integer({ minimum: 0 }),
  failure_threshold: Type.Integer(),
  success_threshold: Type.Integer(),
  reset_timeout_s: Type.Number(),
  half_open_max_calls: Type.Integer(),
});

const EmergencySchema = Type.Object({
  panic_level: Level,
  reason: Type.String({ description: "Why; empty at NONE." }),
  is_shutting_down: Type.Boolean(),
  in_flight_count: Type.Integer({ minimum: 0, description: "Requests being answered, this one included." }),
  panic_events_count: Type.Integer({ minimum: 0 }),
  circuit_breakers: Type.Record(Type.String(), State),
});

function emergencyOf({ shared }: Exchange): object {
  const { control: state, circuits, admission } = shared;
  return {
    panic_level: state.level,
    reason: state.reason,
    is_shutting_down: state.isShuttingDown,
    in_flight_count: admission.inFlight,
    panic_events_count: state.eventCount,
    circuit_breakers: Object.fromEntries(circuits.list().map((circuit) => [circuit.name, circuit.state])),
  };
}

const emergency = control<undefined>({
  method: "GET",
  path: `${CONTROL}/emergency`,
  summary: "How the node stands",
  answer: { status: 200, description: "Level, requests and circuits.", schema: EmergencySchema },
  run: async ({ exchange }) => exchange.value(200, emergencyOf(exchange)),
});

const panic = control<PanicRequest>({
  method: "POST",
  path: `${CONTROL}/emergency/panic`,
  summary: "Raise the panic level",
  description:
    "DEGRADED stops background work, LIMITED all writes, CRITICAL and TOTAL all but health and control. It acts at once " +
    'and survives restarts. TOTAL with the source "shutdown" also ends the process, with exit code 64.',
  body: {
    schema: Type.Object({
      level: oneOf(PANIC_LEVELS.slice(1), "Not below the present level."),
      reason: Type.String({
        minLength: LIMITS.panicReasonMin,
        maxLength: LIMITS.panicReasonChars,
        pattern: LINE.source,
      }),
      source: Type.Optional(
        Nullable(Type.String({ minLength: 1, maxLength: LIMITS.panicSourceChars, pattern: LINE.source })),
      ),
    }),
    form: true,
    check: checkPanic,
  },
  answer: { status: 200, description: "How the node stands now.", schema: EmergencySchema },
  faults: ["conflict", "disk_full"],
  async run({ exchange, caller, input }) {
    await exchange.shared.control.panic(input, caller.name);
    return exchange.value(200, emergencyOf(exchange));
  },
});

const recover = control<PanicLevel>({
  method: "POST",
  path: `${CONTROL}/emergency/recover`,
  summary: "Lower the panic level",
  description: "The level must be below the present one.",
  body: {
    schema: Type.Object({ level: oneOf(PANIC_LEVELS.slice(0, -1), "Below the present level.") }),
    form: true,
    check: checkRecover,
  },
  answer: { status: 200, description: "How the node stands now.", schema: EmergencySchema },
  faults: ["conflict", "disk_full"],
  async run({ exchange, caller, input }) {
    await exchange.shared.control.recover(input, caller.name);
    return exchange.value(200, emergencyOf(exchange));
  },
});

const EventsSchema = Type.Object({
  events: Type.Array(
    Type.Object({
      timestamp: Type.String({ format: "date-time" }),
      level: Level,
      previous_level: Level,
      reason: Type.String(),
      source: Type.String(),
      actor: Type.String({ description: "Name of the key." }),
    }),
  ),
  total: Type.Integer({ minimum: 0 }),
});

const events = control<undefined>({
  method: "GET",
  path: `${CONTROL}/emergency/events`,
  summary: "Changes of the panic level",
  description: `The newest ${LIMITS.panicEvents}, oldest first; the audit log has more.`,
  answer: { status: 200, description: "The changes.", schema: EventsSchema },
  run: async ({ exchange }) => {
    const { control: state } = exchange.shared;
    return exchange.value(200, { events: state.events, total: state.eventCount });
  },
});

const CIRCUIT = { name: "Name of a circuit." };

const circuits = control<undefined>({
  method: "GET",
  path: `${CONTROL}/circuits`,
  summary: "List the circuit breakers",
  answer: {
    status: 200,
    description: "One before every call to the outside, and a view of the storage.",
    schema: listOf("circuits", CircuitSchema),
  },
  run: async ({ exchange }) => {
    const circuits = exchange.shared.circuits.list();
    return exchange.value(200, { circuits, total: circuits.length });
  },
});

const circuit = control<string>({
  method: "GET",
  path: `${CONTROL}/circuits/:name`,
  params: CIRCUIT,
  summary: "Get a circuit breaker",
  parameters: nameOf,
  answer: { status: 200, description: "The circuit.", schema: CircuitSchema },
  faults: ["not_found"],
  run: async ({ exchange, input }) => exchange.value(200, exchange.shared.circuits.get(input)),
});

const operate = control<CircuitAction>({
  method: "POST",
  path: `${CONTROL}/circuits/:name`,
  params: CIRCUIT,
  summary: "Operate a circuit breaker",
  description: "`database` takes only reset, which opens the store anew if it was lost.",
  body: {
    schema: Type.Object({ action: oneOf(CIRCUIT_ACTIONS, "reset closes it too.") }),
    form: true,
    check: checkCircuitAction,
  },
  answer: { status: 200, description: "The circuit as it is now.", schema: CircuitSchema },
  faults: ["not_found", "conflict"],
  async run({ exchange, caller, input }) {
    const name = nameOf(exchange);
    const view = await exchange.shared.circuits.operate(name, input);
    await note(exchange, {
      action: "circuit",
      actor: caller.name,
      target: name,
      detail: `${input}: ${view.state}`,
    });
    return exchange.value(200, view);
  },
});

/** What was done stands although a failing disk keeps it out of the audit log; the node's log then says so. */
async function note({ shared, id }: Exchange, act: ControlAct): Promise<void> {
  try {
    await shared.control.note(act);
  } catch (cause) {
    shared.logger.warn({ request_id: id, ...act, err: cause }, "not entered into the audit log");
  }
}

const Source = oneOf(["env", "file"], "Where it was found.");

const secrets = control<undefined>({
  method: "GET",
  path: `${CONTROL}/secrets`,
  summary: "Where secrets are looked up",
  answer: {
    status: 200,
    description: "The backend and the secrets that were there at the start; never a value.",
    schema: Type.Object({
      backend: oneOf(["env", "file", "chained"], "chained: file, then env."),
      directories: Type.Array(Type.String()),
      keys: Type.Array(Type.Object({ key: Type.String(), source: Source })),
    }),
  },
  async run({ exchange }) {
    const { secrets: held } = exchange.shared;
    const { backend, directories } = held;
    return exchange.value(200, { backend, directories, keys: held.keys() });
  },
});

const secretKeys = control<undefined>({
  method: "GET",
  path: `${CONTROL}/secrets/keys`,
  summary: "Names of the secrets",
  answer: {
    status: 200,
    description: "The names.",
    schema: Type.Object({ keys: Type.Array(Type.String()) }),
  },
  run: async ({ exchange }) =>
    exchange.value(200, { keys: exchange.shared.secrets.keys().map(({ key }) => key) }),
});

const secretAudit = control<undefined>({
  method: "GET",
  path: `${CONTROL}/secrets/audit`,
  summary: "Who read which secret when",
  description: `The newest ${LIMITS.secretReads} readings since the start, oldest first.`,
  answer: {
    status: 200,
    description: "The readings.",
    schema: Type.Object({
      entries: Type.Array(
        Type.Object({
          timestamp: Type.String({ format: "date-time" }),
          key: Type.String(),
          reader: Type.String(),
          source: Type.Union([Source, Type.Null()]),
        }),
      ),
    }),
  },
  run: async ({ exchange }) => exchange.value(200, { entries: exchange.shared.secrets.reads }),
});

function nameOf({ params }: Exchange): string {
  return params.name!;
}

export const controlRoutes: readonly Route[] = [
  ...[flags, flag, setFlag],
  ...[emergency, panic, recover, events],
  ...[circuits, circuit, operate],
  ...[secrets, secretKeys, secretAudit],
];
