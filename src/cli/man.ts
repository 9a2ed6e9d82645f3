import { BUILD } from "../base/mod.ts";
import { ENV_EXAMPLE } from "../config/mod.ts";
import type { Action, Word } from "./command.ts";
import { EXIT_CODES } from "./help.ts";
import { optionsOf } from "./parse.ts";

/** Text that troff takes as it stands. */
function plain(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/gm, "\\&$1");
}

/** The manual page dwbase(1), made from the command table. */
export function manPage(words: ReadonlyMap<string, Word>): string {
  const date = new Date(BUILD.date).toISOString().slice(0, 10);
  const commands = [...words].flatMap(([name, word]) => {
    if (!("actions" in word)) return [section(name, word)];
    const bare = word.bare ? [section(name, word.bare)] : [];
    return [
      ...bare,
      ...Object.entries(word.actions).map(([sub, action]) => section(`${name} ${sub}`, action)),
    ];
  });
  const variables = [...ENV_EXAMPLE.matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name!);
  return `.TH DWBASE 1 "${date}" "dwbase ${BUILD.version}" "User Commands"
.SH NAME
dwbase \\- a memory for small machines
.SH SYNOPSIS
.B dwbase
.I command
[\\fIoptions\\fR]
.SH DESCRIPTION
Programs on a device remember facts over HTTP or the command line and ask for them in plain words. Every command takes
\\fB\\-\\-json\\fR and \\fB\\-\\-help\\fR.
.SH COMMANDS
${commands.join("\n")}
.SH EXIT STATUS
${plain(EXIT_CODES)}
.SH FILES
.TP
/etc/dwbase/dwbase.toml
configuration of the installed node; \\fBdwbase config show\\fR tells every value and where it comes from
.TP
/etc/dwbase/dwbase.env, /etc/dwbase/credentials/
environment of the service, and its secrets, one file each
.TP
/var/lib/dwbase/data
the memory, and the node's keys
.SH ENVIRONMENT
${plain(variables.join(", "))}
.SH SEE ALSO
http://127.0.0.1:8080/docs of a running node
`;
}

function section(name: string, action: Action): string {
  const usage = [`dwbase ${name}`, action.args, "[options]"].filter(Boolean).join(" ");
  const options = optionsOf(action).map(({ flags, about }) => `.TP\n.B ${plain(flags)}\n${plain(about)}`);
  const examples = action.examples.map((line) => `.nf\n.RS\n$ ${plain(line)}\n.RE\n.fi`);
  return [`.SS ${plain(usage)}`, plain(action.summary), ...options, ".PP", ...examples].join("\n");
}
