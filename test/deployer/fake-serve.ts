/** Stands in for the program: `serve --listen H:P …` answers on /healthz and /health and fails or ends as it is told. */
import { existsSync } from "node:fs";

const args = process.argv.slice(2);
const option = (name: string) => args[args.indexOf(name) + 1] ?? "";
const dataDir = option("--data-dir");
const [hostname, port] = option("--listen").split(":");

console.log(`serving ${dataDir}`);
if (existsSync(`${dataDir}/fail`)) {
  console.log("the data directory is damaged");
  process.exit(6);
}
process.on("SIGTERM", () => process.exit(0));

Bun.serve({
  hostname: hostname!,
  port: Number(port),
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/restart") setTimeout(() => process.exit(75), 10);
    if (pathname === "/exit") setTimeout(() => process.exit(64), 10);
    return pathname === "/health" ? Response.json({ status: "ready", checks: [] }) : new Response("");
  },
});
