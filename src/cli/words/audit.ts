import { exitOf, Fault, formatTime, LIMITS } from "../../base/mod.ts";
import { type Context, type OptionSpec, STORE_OPTIONS, type Word } from "../command.ts";
import { dataDirOf } from "../node.ts";

const EXPECT: OptionSpec = { flags: "--expect <n:hash>", about: "an end that an earlier verify showed" };

export const word: Word = {
  summary: "show who used power over the node, and check that the log of it is whole",
  actions: {
    list: {
      summary: "show the newest entries, oldest first",
      options: [{ flags: "-l, --limit <n>", about: "at most so many (default 100)" }, ...STORE_OPTIONS],
      examples: ["dwbase audit list", "dwbase audit list --data-dir /var/lib/dwbase/data --limit 20 --json"],
      run: list,
    },
    verify: {
      summary: "check that no entry was changed, removed or moved",
      options: [EXPECT, ...STORE_OPTIONS],
      examples: ["dwbase audit verify", "dwbase audit verify --expect 214:9f3c…"],
      run: verify,
    },
  },
};

const DEFAULT_LIMIT = 100;

async function list(context: Context): Promise<void> {
  const { args, print } = context;
  const limit = args.number("limit", { min: 1, max: LIMITS.auditEntries + LIMITS.auditBlock, whole: true });
  const { listAudit, lookInto } = await import("../../storage/mod.ts");
  const found = lookInto(dataDirOf(context), (db) => listAudit(db, limit ?? DEFAULT_LIMIT));
  const entries = found.map(({ n, at_ms, action, actor, target, detail, hash }) => {
    return { n, timestamp: formatTime(at_ms), action, actor, target, detail, hash: hash.toHex() };
  });
  if (print.json) return print.document(entries);
  const rows = entries.map((e) => [String(e.n), e.timestamp, e.actor, e.action, e.target, e.detail]);
  print.table(["N", "WHEN", "WHO", "DID", "TO", "HOW"], rows);
}

async function verify(context: Context): Promise<number> {
  const { args, print } = context;
  const dataDir = dataDirOf(context);
  const expected = endOf(args.text("expect"));
  const { verifyAudit, lookInto } = await import("../../storage/mod.ts");
  const report = lookInto(dataDir, (db) => verifyAudit(db, expected));
  if (print.json) print.document({ data_dir: dataDir, ...report });
  else {
    for (const finding of report.findings) print.line(finding);
    const dropped = report.dropped === 0 ? "" : `, ${report.dropped} older ones dropped`;
    const verdict = report.clean ? "is whole" : "is not whole";
    print.line(`the audit log of ${dataDir} ${verdict} (${report.entries} entries${dropped})`);
    if (report.head.n > 0) print.line(`end ${report.head.n}:${report.head.hash}`);
  }
  return report.clean ? 0 : exitOf("damaged");
}

/** @throws Fault usage */
function endOf(text: string | undefined): { n: number; hash: string } | undefined {
  if (text === undefined) return undefined;
  const [, n, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (n === undefined || hash === undefined) {
    throw new Fault(
      "usage",
      `--expect takes an end as verify shows it, number:hash, got "${text.slice(0, 100)}"`,
    );
  }
  return { n: Number(n), hash };
}
