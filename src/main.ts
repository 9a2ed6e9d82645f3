import { processIo, run } from "./cli/mod.ts";

// Not top-level await, and an explicit exit: nothing that a command leaves open may keep it from ending.
run(process.argv.slice(2), processIo()).then((code) => process.exit(code));
