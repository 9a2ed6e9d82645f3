import type { Engine } from "../../src/engine/mod.ts";
import { Fixture } from "../engine/harness.ts";
import { type Answered, fixture, type SendOptions } from "../server/support.ts";

/** A node in this process: the real engine behind the real routes; each answer is checked against its schema. */
export class MemoryNode {
  private constructor(readonly store: Fixture) {}

  static async open(): Promise<MemoryNode> {
    return new MemoryNode(await Fixture.open());
  }

  private get over(): Engine {
    return this.store.engine;
  }

  /** Sends to /api/v1 as a session. */
  async send(method: string, path: string, json?: unknown, session = "ann"): Promise<Answered> {
    const options: SendOptions = { headers: { "X-Session-ID": session } };
    if (json !== undefined) options.json = json;
    return fixture({ over: this.over }).send(method, `/api/v1${path}`, options);
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
