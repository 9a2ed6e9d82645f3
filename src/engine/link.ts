import { Fault, fromWire, LIMITS, type Stage } from "../base/mod.ts";
import type { CircuitAction, NamedReport } from "../control/mod.ts";
import type {
  AnswerMessage,
  FaultMessage,
  FromThread,
  OpenMessage,
  ThreadStatus,
  ToThread,
} from "./protocol.ts";
import type { StageSink } from "./stages.ts";

interface Pending {
  resolve(answer: AnswerMessage): void;
  reject(fault: Fault): void;
  deadline: number;
  bytes: number;
  stages: StageSink | undefined;
}

export interface AskOptions {
  /** Acknowledged before the fsync. */
  relaxed?: boolean;
  /** Of the node itself or of control: few, and taken when the queue is full too. */
  own?: boolean;
  /** Gets the request's stages: it is traced. */
  stages?: StageSink | undefined;
}

export interface LinkEvents {
  onStatus?: (status: ThreadStatus) => void;
  onLog: (message: string) => void;
  /** The thread found something damaged for the first time: sentences. */
  onDamage: (found: string[]) => void;
  onUnusable?: (why: string) => void;
  /** A bug on the thread: for the log. */
  onBug: (message: string, stack: string) => void;
  /** The thread is gone; the node cannot go on. */
  onDeath: (reason: string) => void;
}

/** How long a thread gets to tell what became of a circuit. */
const CIRCUIT_MS = 1000;

/** How often overdue requests are looked for. */
const SWEEP_MS = 250;

/**
 * Main's end of a thread: at most LIMITS.workerRequests requests and LIMITS.workerBytes of bodies are under way, each
 * with a deadline; more is refused at once.
 */
export class ThreadLink {
  private readonly pending = new Map<number, Pending>();
  private bytes = 0;
  private n = 0;
  private opened: { resolve(): void; reject(fault: Fault): void } | undefined;
  private closed: (() => void) | undefined;
  private closing = false;
  private stage: Stage = "ok";
  private readonly sweep = setInterval(() => this.expire(), SWEEP_MS);

  constructor(
    private readonly worker: Worker,
    private readonly name: string,
    private readonly events: LinkEvents,
  ) {
    worker.onmessage = ({ data }: { data: FromThread }) => this.receive(data);
    worker.onerror = (event) => this.died(event.message);
    worker.addEventListener("close", () => this.died("it ended"));
  }

  /** @throws Fault why the thread could not open the data directory */
  open(options: OpenMessage["open"]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.opened = { resolve, reject };
      this.post({ open: options });
    });
  }

  /** Requests refused because the queue was full. */
  refused = 0;

  get depth(): number {
    return this.pending.size;
  }

  /**
   * @throws Fault overloaded when the thread's queue is full, deadline_exceeded, or what the thread answers
   */
  ask(
    body: string,
    timeoutMs: number,
    { relaxed = false, own = false, stages }: AskOptions = {},
  ): Promise<AnswerMessage> {
    if (this.closing)
      return Promise.reject(new Fault("overloaded", "the node is stopping; try again", { retryAfter: 5 }));
    const refusal = own ? undefined : this.refusal(body.length);
    if (refusal !== undefined) {
      this.refused += 1;
      return Promise.reject(new Fault("overloaded", `${refusal}; try again`, { retryAfter: 1 }));
    }
    this.n += 1;
    const n = this.n;
    const now = performance.now();
    const deadline = now + timeoutMs;
    this.bytes += body.length;
    return new Promise((resolve, reject) => {
      this.pending.set(n, { resolve, reject, deadline, bytes: body.length, stages });
      const message = { n, deadline, relaxed, body };
      this.post(stages ? { ...message, traced: now } : message);
    });
  }

  /** The breakers of the thread, as it told last. */
  circuits: readonly NamedReport[] = [];
  private told = Promise.withResolvers<void>();

  /** Operates a breaker of the thread. @throws Fault deadline_exceeded when the thread does not answer */
  async operate(name: string, action: CircuitAction): Promise<void> {
    this.post({ circuit: { name, action } });
    const answered = await Promise.race([this.told.promise.then(() => true), Bun.sleep(CIRCUIT_MS)]);
    if (answered) return;
    throw new Fault("deadline_exceeded", `the ${this.name} thread does not answer; look at /health`);
  }

  private tell(circuits: readonly NamedReport[]): void {
    this.circuits = circuits;
    this.told.resolve();
    this.told = Promise.withResolvers();
  }

  /** Memory entered a stage: tight halves the queue, critical closes it to new requests. What is in it goes on. */
  press(stage: Stage): void {
    this.stage = stage;
    this.post({ press: stage });
  }

  /** Has the thread let its caches and garbage go. */
  shed(): void {
    this.post({ shed: true });
  }

  /** Why a request of so many bytes finds no place now, if so. */
  private refusal(bytes: number): string | undefined {
    if (this.stage === "critical") return "the node's memory budget is used up";
    const part = this.stage === "tight" ? 2 : 1;
    const full =
      this.pending.size >= LIMITS.workerRequests / part || this.bytes + bytes > LIMITS.workerBytes / part;
    return full ? `the queue of the ${this.name} is full` : undefined;
  }

  /** From now on new requests are refused. */
  refuse(): void {
    this.closing = true;
  }

  /** Lets the thread finish what it has, close its files and end. */
  async close(): Promise<void> {
    this.refuse();
    const done = new Promise<void>((resolve) => {
      this.closed = resolve;
    });
    this.post({ close: true });
    await Promise.race([done, Bun.sleep(LIMITS.closeMs)]);
    this.end();
  }

  /** Ends the thread as it is. */
  end(): void {
    this.closing = true;
    clearInterval(this.sweep);
    this.worker.terminate();
  }

  private post(message: ToThread): void {
    this.worker.postMessage(message);
  }

  private receive(message: FromThread): void {
    if ("answers" in message) for (const answer of message.answers) this.settle(answer);
    else if ("status" in message) this.events.onStatus?.(message.status);
    else if ("log" in message) this.events.onLog(message.log);
    else if ("damage" in message) this.events.onDamage(message.damage);
    else if ("unusable" in message) this.events.onUnusable?.(message.unusable);
    else if ("circuits" in message) this.tell(message.circuits);
    else if ("ready" in message) this.opened?.resolve();
    else if ("failed" in message) this.opened?.reject(fromWire(message.failed));
    else this.closed?.();
  }

  private settle(answer: AnswerMessage | FaultMessage): void {
    if ("err" in answer && answer.stack) this.events.onBug(answer.err.message, answer.stack);
    const waiting = this.take(answer.n);
    if (!waiting) return;
    if ("err" in answer) waiting.reject(fromWire(answer.err));
    else {
      if (answer.stages) waiting.stages?.(answer.stages);
      waiting.resolve(answer);
    }
  }

  private take(n: number): Pending | undefined {
    const waiting = this.pending.get(n);
    if (waiting) {
      this.pending.delete(n);
      this.bytes -= waiting.bytes;
    }
    return waiting;
  }

  private expire(): void {
    const now = performance.now();
    for (const [n, { deadline }] of this.pending) {
      if (deadline + SWEEP_MS > now) continue;
      this.take(n)?.reject(
        new Fault("deadline_exceeded", `the ${this.name} did not answer in time; try again`, {
          retryAfter: 1,
        }),
      );
    }
  }

  private died(reason: string): void {
    if (this.closing) {
      this.closed?.();
      return;
    }
    const fault = new Fault("storage_error", `the ${this.name} thread stopped: ${reason}`);
    this.opened?.reject(fault);
    for (const n of [...this.pending.keys()]) this.take(n)?.reject(fault);
    this.events.onDeath(`the ${this.name} thread stopped: ${reason}`);
  }
}
