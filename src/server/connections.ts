import { descriptorLimit, LIMITS, openDescriptors } from "../base/mod.ts";
import { type Connection, peerKey, type Sockets } from "./sockets.ts";

/** The other end of a connection. */
export interface Peer {
  address: string;
  port: number;
}

/** What is known of a connection that has asked something. */
export interface Use {
  /** Requests that are not answered yet. */
  underWay: number;
  /** Size of the last answer, and when it was given, ms of `performance.now()`. */
  answerBytes: number;
  answeredAt: number;
}

/** Which connections have asked something, where an answer is still owed, and what was answered. */
export class Uses {
  private readonly uses = new Map<string, Use>();
  /** Bytes of answers since somebody last set it to 0. */
  given = 0;

  get size(): number {
    return this.uses.size;
  }

  /** A request has come. */
  begin({ address, port }: Peer): Use {
    const key = peerKey(address, port);
    let use = this.uses.get(key);
    if (!use) {
      use = { underWay: 0, answerBytes: 0, answeredAt: 0 };
      this.uses.set(key, use);
    }
    use.underWay++;
    return use;
  }

  /** A request was answered with so many bytes. */
  end(use: Use, bytes: number): void {
    use.underWay--;
    use.answerBytes = bytes;
    use.answeredAt = performance.now();
    this.given += bytes;
  }

  /**
   * Those of the open connections that have to end so that `most` are left: first who has never asked anything, then who
   * has been quiet longest. Where a request is under way nothing is ended: LIMITS.requestsInFlight bounds those. On a
   * Unix socket nobody can be told from others, and the oldest end.
   */
  beyond(most: number, open: readonly Connection[]): Connection[] {
    const over = open.length - most;
    if (over <= 0) return [];
    const asked = (one: Connection): number => (this.useOf(one) ? 1 : 0);
    return open
      .filter((one) => !this.useOf(one)?.underWay)
      .sort((a, b) => asked(a) - asked(b) || b.quietMs - a.quietMs)
      .slice(0, over);
  }

  /**
   * Those that have to end so that at most `most` bytes of answers wait for clients that do not take them: who was
   * answered first goes first. The runtime keeps such an answer, and the kernel a part of it.
   * @returns what waits in all as well
   */
  unread(most: number, open: readonly Connection[]): { waiting: number; ended: Connection[] } {
    const waits = open
      .flatMap((one) => {
        const use = one.unsent > 0 ? this.useOf(one) : undefined;
        return use && use.answerBytes > 0 ? [{ one, use }] : [];
      })
      .sort((a, b) => a.use.answeredAt - b.use.answeredAt);
    const waiting = waits.reduce((sum, { use }) => sum + use.answerBytes, 0);
    const ended: Connection[] = [];
    for (let left = waiting; left > most; left -= waits[ended.length - 1]!.use.answerBytes)
      ended.push(waits[ended.length]!.one);
    return { waiting, ended };
  }

  private useOf({ peer }: Connection): Use | undefined {
    return peer === undefined ? undefined : this.uses.get(peer);
  }

  /** Forgets connections that are not open any more. */
  keep(open: readonly Connection[]): void {
    const peers = new Set(open.map(({ peer }) => peer));
    for (const peer of this.uses.keys()) if (!peers.has(peer)) this.uses.delete(peer);
  }
}

/** How many connections a process may hold that may open `limit` files: the store's come first. */
export function connectionsWithin(limit: number): number {
  return Math.min(LIMITS.connections, Math.max(limit - LIMITS.ownDescriptors, Math.floor(limit / 2)));
}

export interface CapOptions {
  uses: Uses;
  /** Undefined where the kernel cannot be asked: connections are then bounded by the limit of open files only. */
  sockets: Sockets | undefined;
  /** That connections were closed, and why. */
  tell(closed: number, why: string): void;
}

const SWEEP_MS = 100;

/**
 * Keeps the connections of a listener, and the answers that wait for them, below bounds. Of connections the runtime has none, and at the process's limit of open files it
 * would try to accept without pause while the store gets no file any more. New connections are let in and old ones that
 * are of least use are closed, so that health, control and working clients are answered however many others there are.
 */
export class ConnectionCap {
  private readonly most = connectionsWithin(descriptorLimit());
  private readonly timer: Timer;
  /** Bytes of answers that waited at the last look. */
  private waiting = 0;

  constructor(private readonly options: CapOptions) {
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.options.sockets?.close();
  }

  private sweep(): void {
    const { sockets, uses } = this.options;
    const crowded = openDescriptors() > this.most || uses.size > 2 * this.most;
    if (!crowded && this.waiting === 0 && uses.given < LIMITS.unreadBytes / 2) return;
    uses.given = 0;
    const open = sockets?.accepted() ?? [];
    const { waiting, ended } = uses.unread(LIMITS.unreadBytes, open);
    this.waiting = waiting;
    this.end(ended, "more answers were not taken than can be held");
    this.end(uses.beyond(this.most, open), `more than ${this.most} connections were open`);
    uses.keep(open);
  }

  private end(connections: readonly Connection[], why: string): void {
    for (const { fd } of connections) this.options.sockets?.end(fd);
    if (connections.length > 0) this.options.tell(connections.length, why);
  }
}
