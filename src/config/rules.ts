import { type Env, type Findings, type Given, variable } from "./environment.ts";
import type { Value } from "./kinds.ts";
import { isLoopback, parseListen } from "./listen.ts";
import { redactUrl } from "./redact.ts";
import { buildConfig, type Config, type Environment } from "./settings.ts";

type Values = Map<string, Given>;

/** Applies the rules that tie settings to each other; problems and notices name the source of what is at fault. */
export function settle(values: Values, own: Environment, env: Env, found: Findings): void {
  settleEmbedder(values, env, found.notices);
  settleTelemetry(values, found.notices);
  if (own.production) settleProduction(values, found);
  const config = buildConfig((key) => values.get(key)!.value, own);
  const fault = (key: string, what: string) => found.problems.push(`${blame(values, key)}: ${what}`);
  if ((config.node.tlsCert === "") !== (config.node.tlsKey === "")) {
    const [set, missing] =
      config.node.tlsKey === "" ? ["node.tls_cert", "node.tls_key"] : ["node.tls_key", "node.tls_cert"];
    fault(set, `${set} is set and ${missing} is empty; they must be set together`);
  }
  if (config.node.embedder === "http") {
    if (config.embedder.url === "") fault("node.embedder", 'node.embedder = "http" needs embedder.url');
    if (config.embedder.model === "") fault("node.embedder", 'node.embedder = "http" needs embedder.model');
    if (config.embedder.dimension === 0)
      fault("node.embedder", 'node.embedder = "http" needs embedder.dimension');
  }
  if (config.storage.encryptionEnabled && config.storage.keyId === "") {
    const what =
      "node.storage.encryption_enabled needs node.storage.key_id, the name of the key in DWBASE_KEY_<KEY_ID>";
    fault("node.storage.encryption_enabled", what);
  }
  found.notices.push(...sanityNotices(config));
}

/** Where a setting comes from, as the start of a sentence about it. */
function blame(values: Values, key: string): string {
  return values.get(key)!.from.replace(/^file /, "");
}

function put(values: Values, key: string, value: Value, from = values.get(key)!.from): void {
  values.set(key, { value, from });
}

/** World Weaver's model names count when there is an address to ask; without one the built-in embedder stays. */
function settleEmbedder(values: Values, env: Env, notices: string[]): void {
  const names = ["WW_EMBEDDING_MODEL", "WW_EMBEDDING_DIMENSION"].filter(
    (n) => variable(env, n) !== undefined,
  );
  if (names.length === 0) return;
  if (values.get("embedder.url")!.value === "") {
    const listed = names.join(", ");
    notices.push(
      `${listed}: used with embedder.url, which is not set; the ${values.get("node.embedder")!.value} embedder stays`,
    );
  } else if (values.get("node.embedder")!.from === "default") {
    put(values, "node.embedder", "http", `env ${names[0]}`);
  }
}

const OTLP_GRPC_PORT = "4317";
const OTLP_HTTP_PORT = "4318";
const OTLP_TRACES = "/v1/traces";

/** Traces go out as OTLP over HTTP: its default address, its path, and its port for the gRPC one of the guide. */
function settleTelemetry(values: Values, notices: string[]): void {
  const key = "telemetry.otel_endpoint";
  const written = String(values.get(key)!.value);
  if (written === "") {
    if (values.get("telemetry.otel_enabled")!.value !== true) return;
    put(values, key, `http://localhost:${OTLP_HTTP_PORT}${OTLP_TRACES}`);
    notices.push(`telemetry.otel_endpoint is empty; traces go to ${values.get(key)!.value}`);
    return;
  }
  const url = new URL(written);
  const grpc = url.port === OTLP_GRPC_PORT;
  if (grpc) url.port = OTLP_HTTP_PORT;
  if (url.pathname !== "/" && !grpc) return;
  url.pathname = OTLP_TRACES;
  put(values, key, url.href);
  if (grpc)
    notices.push(`${redactUrl(written)} is a gRPC address; traces go over HTTP to ${redactUrl(url.href)}`);
}

function settleProduction(values: Values, found: Findings): void {
  const anonymous = values.get("node.security.allow_anonymous")!;
  if (anonymous.value === "always") {
    found.notices.push(
      `WW_ENVIRONMENT=production: allow_anonymous = "always" (${anonymous.from}) counts as "never"`,
    );
  }
  put(values, "node.security.allow_anonymous", "never", "env WW_ENVIRONMENT");
  for (const origin of values.get("node.cors_origins")!.value as string[]) {
    const at = blame(values, "node.cors_origins");
    if (origin === "*")
      found.problems.push(`${at}: in production node.cors_origins must not hold "*"; name each origin`);
    else if (origin.startsWith("http:") && !isLoopback(new URL(origin).hostname)) {
      found.problems.push(`${at}: in production the origin ${origin} must be https (node.cors_origins)`);
    }
  }
}

/** Sentences about settings that are allowed but seldom meant. Already part of `Loaded.notices`. */
export function sanityNotices({ node, security, embedder, memory, storage }: Config): string[] {
  const notices: string[] = [];
  const listen = parseListen(node.listen);
  const open = listen.kind === "tcp" && !isLoopback(listen.host);
  if (open && security.allowAnonymous === "always") {
    notices.push(
      `anyone who reaches ${node.listen} may read and write (node.security.allow_anonymous = "always")`,
    );
  }
  if (open && node.tlsCert === "") {
    notices.push(
      `keys and memories cross the network in clear text on ${node.listen}; set node.tls_cert or use a proxy`,
    );
  }
  if (embedder.url !== "" && node.embedder !== "http") {
    notices.push(`embedder.url is not used, since node.embedder is "${node.embedder}"`);
  }
  if (storage.keyId !== "" && !storage.encryptionEnabled) {
    notices.push("node.storage.key_id is not used, since node.storage.encryption_enabled is false");
  }
  const { semanticWeight, recencyWeight, outcomeWeight, importanceWeight } = memory;
  const weights = semanticWeight + recencyWeight + outcomeWeight + importanceWeight;
  if (Math.abs(weights - 1) > 0.001) {
    notices.push(`the four search weights of [memory] add up to ${Number(weights.toFixed(3))}, not to 1`);
  }
  return notices;
}
