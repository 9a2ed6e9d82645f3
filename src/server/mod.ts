/** Rank 10: the HTTP face of the engine. */

export { createServer, type Listening, type Server, type ServerParts } from "./server.ts";
export { readTls, type Tls } from "./tls.ts";
