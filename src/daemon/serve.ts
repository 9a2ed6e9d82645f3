import { KeyRing, Limiter } from "../auth/mod.ts";
import { BUILD, ensureDir, Fault, hasSmallHeap, MB, systemClock } from "../base/mod.ts";
import { type Config, type Loaded, loadConfig, parseListen } from "../config/mod.ts";
import { Circuits, Control } from "../control/mod.ts";
import type { EmbedderSettings } from "../embedder/mod.ts";
import { ThreadedEngine } from "../engine/mod.ts";
import { HealthBoard, OBSERVE_MS } from "../health/mod.ts";
import type { Secrets } from "../secrets/mod.ts";
import { createServer, type Listening, readTls, type Server, type Tls } from "../server/mod.ts";
import { createLogger, createMetrics, type Log } from "../telemetry/mod.ts";
import { firstCommands } from "./banner.ts";
import { Budgets, vectorBudget } from "./budgets.ts";
import { DeviceWatch } from "./device.ts";
import { connectGauges } from "./gauges.ts";
import { openAuthenticator } from "./keys.ts";
import { openSecrets, storageKeys } from "./secrets.ts";
import { ServiceManager } from "./service-manager.ts";
import { Traces } from "./traces.ts";

export interface ServeOptions {
  /** Takes the first commands to try, for a person; absent: there is nobody to greet. */
  greet?: (text: string) => void;
}

/** The process is to be started again: a thread is gone. */
const RESTART = 75;
/** The process was stopped by the panic level TOTAL and is not to be started again. */
const STOPPED = 64;
const FLUSH_MS = 500;

/**
 * Runs a node until a signal ends it: listener first, so that /healthz answers at once, then the threads.
 * @returns the exit code: 0 after SIGTERM or SIGINT, 64 after a shutdown by the panic level TOTAL, 75 when the node must
 * be started again
 * @throws Fault why the node cannot start (port taken, directory unusable, foreign or newer database, …)
 */
export async function serve(loaded: Loaded, options: ServeOptions): Promise<number> {
  const node = new Node(loaded);
  try {
    const listening = await node.start();
    options.greet?.(firstCommands(listening.url, node.open));
    return await node.ended;
  } finally {
    await node.stop();
  }
}

class Node {
  private readonly config: Config;
  private readonly log: Log;
  private readonly board: HealthBoard;
  private readonly control: Control;
  private readonly circuits = new Circuits();
  private readonly keys = new KeyRing();
  private readonly metrics = createMetrics();
  private readonly budgets: Budgets;
  private readonly traces: Traces;
  private readonly device: DeviceWatch;
  private server: Server | undefined;
  private engine: ThreadedEngine | undefined;
  /** Also before requests reach it. */
  private opened: ThreadedEngine | undefined;
  private observer: Timer | undefined;
  private manager: ServiceManager | undefined;
  private readonly end = Promise.withResolvers<number>();
  readonly ended = this.end.promise;
  open = false;

  constructor(private readonly loaded: Loaded) {
    this.config = loaded.config;
    this.log = createLogger({ level: this.config.telemetry.logLevel });
    this.control = new Control({
      clock: systemClock,
      environment: this.config.env.flags,
      onShutdown: () => this.end.resolve(STOPPED),
    });
    this.budgets = new Budgets({
      maxRamMb: this.config.limits.maxRamMb,
      clock: systemClock,
      log: this.log,
      metrics: this.metrics,
      engine: () => this.engine,
      restart: (reason) => {
        this.log.logger.fatal(reason);
        this.end.resolve(RESTART);
      },
    });
    this.traces = new Traces(this.config.telemetry, this.control.cells, this.log.logger);
    this.circuits.add(this.traces);
    this.device = new DeviceWatch(this.config.node.dataDir, this.config.backup.target !== "");
    this.board = new HealthBoard({
      clock: systemClock,
      budgets: this.budgets.watchdog,
      diskUsageDegraded: this.config.health.diskUsageDegraded,
      indexWarnSeconds: this.config.health.indexRebuildWarnSeconds,
      requireIndex: this.config.env.readyRequireIndex,
      device: () => this.device.checks(),
      control: this.control,
    });
  }

  async start(): Promise<Listening> {
    const { config, log } = this;
    for (const notice of [...this.loaded.notices, ...this.control.notices]) log.logger.warn(notice);
    if (!hasSmallHeap()) log.logger.warn("the heap could not be made small: the node takes more memory");
    ensureDir(config.node.dataDir);
    const secrets = openSecrets(config, process.env, log.logger);
    const { authenticator, opened } = openAuthenticator(config, this.keys, log.logger);
    this.open = authenticator.open;
    const { metrics } = this;
    this.server = createServer({
      engine: () => this.engine,
      health: this.board,
      authenticator,
      limiter: new Limiter({
        rememberPerSec: config.security.rememberPerSec,
        askPerMin: config.security.askPerMin,
        clock: systemClock,
        // on an open node only where somebody has asked for it
        memory: () => !this.open || this.control.flag("api_rate_limiting").source !== "default",
        enabled: (bucket) => this.control.cells.enabled("api_rate_limiting", bucket),
      }),
      keys: this.keys,
      control: this.control,
      circuits: this.circuits,
      secrets,
      metrics,
      logger: log.logger,
      clock: systemClock,
      version: BUILD.version,
      bodyBytes: config.limits.bodyBytes,
      corsOrigins: config.node.corsOrigins,
      ...tlsOf(config),
      trustedProxies: config.node.trustedProxies,
      defaultSession: config.memory.defaultSession,
      tracing: () => this.traces.current(),
      memoryStage: () => this.budgets.watchdog.memory.stage,
    });
    connectGauges(
      metrics,
      this.board,
      log,
      () => this.engine,
      () => this.device.backup,
    );
    const listening = await this.server.listen(parseListen(config.node.listen));
    log.logger.info(
      { url: listening.url, data_dir: config.node.dataDir, config: this.loaded.path },
      "listening",
    );
    this.watchSignals();
    this.manager = await this.connectManager();
    this.manager.starting();
    await this.openEngine(secrets);
    opened();
    this.board.watch(this.engine!.beats);
    this.budgets.start();
    this.device.start();
    void this.traces.start();
    this.observer = setInterval(() => this.board.observe(), OBSERVE_MS);
    this.manager.ready();
    log.logger.info({ version: BUILD.version, atoms: this.board.last?.atoms }, "ready");
    return listening;
  }

  private connectManager(): Promise<ServiceManager> {
    const { board } = this;
    return ServiceManager.connect({
      env: process.env,
      stillMs: () => board.stillest(),
      status: () => `${board.body().message}; ${board.last?.atoms ?? 0} atoms`,
    });
  }

  /** Opens the threads; requests reach them once it is known what is stopped. */
  private async openEngine(secrets: Secrets): Promise<void> {
    const engine = await ThreadedEngine.open({
      dataDir: this.config.node.dataDir,
      relaxedWindowMs: this.config.storage.relaxedWindowMs,
      diskBudget: this.config.limits.maxDiskMb * MB,
      keyring: storageKeys(this.config, process.env, secrets),
      embedder: embedderSettings(this.config),
      vectors: vectorBudget(this.budgets.watchdog.memory.budget, this.config.index.annThreshold),
      memory: this.config.memory,
      control: this.control.cells,
      onLog: (message) => this.log.logger.warn(message),
      onDamage: (found) => {
        this.board.damaged(found);
        for (const sentence of found) this.log.logger.error(sentence);
      },
      onStatus: (status) => {
        this.board.update(status);
        this.budgets.watchdog.setDisk(status.disk);
      },
      onUnusable: (why) => this.board.withoutGraphs(why),
      onBug: (message, stack) => this.log.logger.error({ stack }, message),
      onDeath: (reason) => {
        this.board.bury(reason);
        this.log.logger.fatal(reason);
        this.end.resolve(RESTART);
      },
    });
    this.opened = engine;
    await this.control.open(engine);
    await this.keys.open(engine);
    this.circuits.add(engine);
    this.engine = engine;
    const { level, reason } = this.control;
    if (level !== "NONE")
      this.log.logger.warn({ panic_level: level, reason }, "the panic level of before still holds");
  }

  private watchSignals(): void {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        this.log.logger.info({ signal }, "stopping");
        this.end.resolve(0);
      });
    }
    process.on("SIGHUP", () => this.reload());
  }

  /** SIGHUP: takes over what can change while running and names what cannot. */
  private reload(): void {
    const { logger } = this.log;
    this.manager?.reloading();
    try {
      const path = this.loaded.path;
      const fresh = loadConfig({ env: process.env, cwd: process.cwd(), ...(path === null ? {} : { path }) });
      logger.level = fresh.config.telemetry.logLevel;
      this.renewTls();
      const fixed = Object.keys(fresh.sources).filter(
        (key) =>
          key !== "telemetry.log_level" &&
          this.loaded.sources[key]?.from !== "flag" &&
          String(fresh.sources[key]?.value) !== String(this.loaded.sources[key]?.value),
      );
      logger.info({ log_level: logger.level, needs_restart: fixed }, "configuration reloaded");
    } catch (cause) {
      logger.error(
        { reason: cause instanceof Fault ? cause.message : String(cause) },
        "configuration not reloaded",
      );
    }
    this.manager?.ready();
  }

  /** The files may hold another certificate than before. */
  private renewTls(): void {
    const { tls } = tlsOf(this.config);
    if (!tls) return;
    void this.server
      ?.renew(tls)
      .then(() => this.log.logger.info({ valid_until: new Date(tls.validUntil) }, "certificate renewed"))
      .catch((cause: Error) => this.log.logger.error({ reason: cause.message }, "certificate not renewed"));
  }

  async stop(): Promise<void> {
    this.manager?.stopping();
    clearInterval(this.observer);
    this.budgets.stop();
    this.device.stop();
    await this.server?.stop();
    await this.traces.stop();
    await this.opened?.close();
    this.log.logger.info("stopped");
    await this.log.flush(FLUSH_MS);
  }
}

function tlsOf({ node }: Config): { tls?: Tls } {
  return node.tlsCert === "" ? {} : { tls: readTls(node.tlsCert, node.tlsKey) };
}

function embedderSettings({ node, embedder, env }: Config): EmbedderSettings {
  const key = env.embedderKey === "" ? {} : { key: env.embedderKey };
  return { ...embedder, embedder: node.embedder, ...key };
}
