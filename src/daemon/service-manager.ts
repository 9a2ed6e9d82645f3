/** sd_notify(3) without libsystemd: datagrams to the socket that the service manager names. */
type Send = (message: string) => void;

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** How often more time is asked for while the store is opened, and how much. */
const EXTEND_EVERY_MS = 10_000;
const EXTEND_USEC = 30_000_000;
/** Keep-alives in the time after which the manager would give the node up. */
const PINGS = 6;
/** Part of that time after which a thread that stands still is given up for hung. */
const HUNG = 0.75;

/** The address of a socket as the kernel takes it: a path, or "@name" for an abstract one. */
function addressOf(socket: string): Buffer {
  const name = Buffer.from(socket.startsWith("@") ? `\0${socket.slice(1)}` : `${socket}\0`);
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX, 0);
  address.set(name, 2);
  return address;
}

/** @returns undefined where the C library cannot be called: the node then goes on unsupervised */
async function sender(socket: string): Promise<Send | undefined> {
  try {
    const { dlopen, ptr } = await import("bun:ffi");
    const { symbols } = dlopen("libc.so.6", {
      socket: { args: ["i32", "i32", "i32"], returns: "i32" },
      sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    });
    const fd = symbols.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const address = addressOf(socket);
    return (message) => {
      const bytes = Buffer.from(message);
      symbols.sendto(fd, ptr(bytes), bytes.length, MSG_NOSIGNAL, ptr(address), address.length);
    };
  } catch {
    return undefined;
  }
}

export interface ServiceManagerOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** For how long the thread that stands still longest has not moved, ms. */
  stillMs: () => number;
  /** A line for `systemctl status`. */
  status: () => string;
}

/**
 * What the node tells the manager that started it (systemd, Type=notify): when it is ready, that it lives, when it
 * reloads and stops. Keep-alives come from the main loop and only while the threads work, so that a hung one ends in a
 * restart. Without a manager it does nothing.
 */
export class ServiceManager {
  private send: Send = () => {};
  private opening: Timer | undefined;
  private pings: Timer | undefined;

  private constructor(private readonly options: ServiceManagerOptions) {}

  static async connect(options: ServiceManagerOptions): Promise<ServiceManager> {
    const manager = new ServiceManager(options);
    const socket = options.env.NOTIFY_SOCKET;
    if (socket) manager.send = (await sender(socket)) ?? manager.send;
    return manager;
  }

  /** The store is being opened, which takes minutes when it is migrated. */
  starting(): void {
    const extend = (): void => this.send(`EXTEND_TIMEOUT_USEC=${EXTEND_USEC}\nSTATUS=opening the store`);
    extend();
    this.opening = setInterval(extend, EXTEND_EVERY_MS);
  }

  /** Requests are served. */
  ready(): void {
    clearInterval(this.opening);
    this.send(`READY=1\nSTATUS=${this.options.status()}`);
    const usec = Number(this.options.env.WATCHDOG_USEC ?? 0);
    const forUs = this.options.env.WATCHDOG_PID ?? String(process.pid);
    if (!(usec > 0) || forUs !== String(process.pid)) return;
    const ms = usec / 1000;
    this.pings ??= setInterval(() => this.ping(ms * HUNG), ms / PINGS);
  }

  private ping(hungMs: number): void {
    // told at once, since the manager would only count from the last keep-alive on
    if (this.options.stillMs() >= hungMs) this.send("WATCHDOG=trigger\nSTATUS=a thread hangs");
    else this.send(`WATCHDOG=1\nSTATUS=${this.options.status()}`);
  }

  /** The configuration is read again; `ready` follows. */
  reloading(): void {
    this.send("RELOADING=1\nSTATUS=reading the configuration");
  }

  stopping(): void {
    clearInterval(this.opening);
    clearInterval(this.pings);
    this.send("STOPPING=1\nSTATUS=finishing what is under way");
  }
}
