import type { Engine } from "../../src/engine/mod.ts";
import { Fixture } from "../engine/harness.ts";
import { type Answered, fixture, type SendOptions } from "../server/support.ts";

const ADMIN_KEY = "admin-key-0123456789abcdef";

/** A node in this process: the real engine behind the real routes; each answer is checked against its schema. */
export class MemoryNode {
  private constructor(readonly store: Fixture) {}

  static async open(): Promise<MemoryNode> {
    return new MemoryNode(await Fixture.open());
  }

  private get over(): Engine {
    return this.store.engine;
  }

  private go(method: string, path: string, options: SendOptions, admin = false): Promise<Answered> {
    const { headers } = options;
    const keys = [{ name: "admin", key: ADMIN_KEY, admin: true }];
    const sent = admin ? { ...options, headers: { ...headers, "X-Admin-Key": ADMIN_KEY } } : options;
    return fixture({ over: this.over, auth: { keys } }).send(method, `/api/v1${path}`, sent);
  }

  /** Sends to /api/v1 as a session. @param admin whether with an admin key */
  send(method: string, path: string, json?: unknown, session = "ann", admin = false): Promise<Answered> {
    const headers = { "X-Session-ID": session };
    return this.go(method, path, json === undefined ? { headers } : { headers, json }, admin);
  }

  /** Sends text as it is, called JSON. */
  sendRaw(method: string, path: string, raw: string, admin = false): Promise<Answered> {
    return this.go(method, path, { headers: { "Content-Type": "application/json" }, raw }, admin);
  }

  /** The body of an answer that must be good. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
  async must(method: string, path: string, json?: unknown, session?: string): Promise<any> {
    const { status, body } = await this.send(method, path, json, session);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  restart(): Promise<void> {
    return this.store.restart();
  }

  /** Closes the node, whose directory must be in order. */
  finish(): Promise<void> {
    return this.store.finish();
  }
}

export const UNKNOWN = "0190f3c0-0000-7000-8000-00000000ffff";
export const EPISODE = { content: "The login failed because the token had expired." };
export const ENTITY = { name: "Postgres", entity_type: "TOOL", summary: "A relational database." };
export const SKILL = {
  name: "restore-backup",
  domain: "devops",
  task: "Restore the database from last night's backup",
  steps: [
    { order: 2, action: "Start the service" },
    { order: 1, action: "Stop the service", tool: "systemctl" },
  ],
};
