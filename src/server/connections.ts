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
}

/** Which connections have asked something, and where an answer is still owed. */
export class Uses {
  private readonly uses = new Map<string, Use>();

  get size(): number {
    return this.uses.size;
  }

  /** A request has come; who answers it takes one off `underWay` again. */
  begin({ address, port }: Peer): Use {
    const key = peerKey(address, port);
    let use = this.uses.get(key);
    if (!use) {
      use = { underWay: 0 };
      this.uses.set(key, use);
    }
    use.underWay++;
    return use;
  }

  /**
   * Those of the open connections that have to end so that `most` are left: first who has never asked anything, then who
   * has been quiet longest. Where a request is under way nothing is ended: LIMITS.requestsInFlight bounds those. On a
   * Unix socket nobody can be told from others, and the oldest end.
   */
  beyond(most: number, open: readonly Connection[]): Connection[] {
    const over = open.length - most;
    if (over <= 0) return [];
    const useOf = ({ peer }: Connection) => (peer === undefined ? undefined : this.uses.get(peer));
    const asked = (one: Connection): number => (useOf(one) ? 1 : 0);
    return open
      .filter((one) => !useOf(one)?.underWay)
      .sort((a, b) => asked(a) - asked(b) || b.quietMs - a.quietMs)
      .slice(0, over);
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
  /** That connections were closed. */
  tell(closed: number, most: number): void;
}

const SWEEP_MS = 100;

/**
 * Keeps the connections of a listener below a bound: the runtime has none, and at the process's limit of open files it
 * would try to accept without pause while the store gets no file any more. New connections are let in and old ones that
 * are of least use are closed, so that health, control and working clients are answered however many others there are.
 */
export class ConnectionCap {
  private readonly most = connectionsWithin(descriptorLimit());
  private readonly timer: Timer;

  constructor(private readonly options: CapOptions) {
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.options.sockets?.close();
  }

  private sweep(): void {
    const { sockets, uses, tell } = this.options;
    if (openDescriptors() <= this.most && uses.size <= 2 * this.most) return;
    const open = sockets?.accepted() ?? [];
    const beyond = uses.beyond(this.most, open);
    for (const { fd } of beyond) sockets?.end(fd);
    uses.keep(open);
    if (beyond.length > 0) tell(beyond.length, this.most);
  }
}
