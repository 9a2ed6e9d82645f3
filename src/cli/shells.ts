import type { Action, OptionSpec, Word } from "./command.ts";
import { longName, optionsOf, takesValue } from "./parse.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

type Words = ReadonlyMap<string, Word>;

/** The completion script of a shell, made from the command table. */
export function completionScript(shell: Shell, words: Words): string {
  if (shell === "bash") return bash(words);
  return shell === "zsh" ? zsh(words) : fish(words);
}

/** First words; behind `help` they stand once more. */
function firstWords(words: Words): string {
  return [...words.keys(), "help"].join(" ");
}

/** What may stand behind a command's words. */
function candidates(action: Action): string {
  return [...(action.choices ?? []), ...optionsOf(action).map((option) => `--${longName(option)}`)].join(" ");
}

function actionsOf(word: Word): Action[] {
  if (!("actions" in word)) return [word];
  return [...Object.values(word.actions), ...(word.bare ? [word.bare] : [])];
}

/** Options with a fixed choice of values, each once. */
function choices(words: Words): OptionSpec[] {
  const all = [...words.values()].flatMap(actionsOf).flatMap(optionsOf);
  const byName = new Map(
    all.filter(({ choices }) => choices !== undefined).map((option) => [longName(option), option]),
  );
  return [...byName.values()];
}

/** bash and zsh tell the position apart in the same words; only the names of what they offer differ. */
function cases(words: Words, second: string): string {
  return [...words]
    .map(([name, word]) => {
      if (!("actions" in word)) return `    ${name}) words="${candidates(word)}" ;;`;
      const inner = Object.entries(word.actions).map(
        ([sub, action]) => `      ${sub}) words="${candidates(action)}" ;;`,
      );
      const names = [...Object.keys(word.actions), ...(word.bare ? [candidates(word.bare)] : [])].join(" ");
      return `    ${name}) case "${second}" in\n${inner.join("\n")}\n      *) words="${names}" ;;\n    esac ;;`;
    })
    .join("\n");
}

function valueCases(words: Words): string {
  return choices(words)
    .map((option) => `    --${longName(option)}) words="${option.choices!.join(" ")}" ;;`)
    .join("\n");
}

function bash(words: Words): string {
  return `# bash completion of dwbase
_dwbase() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" first="" second="" words=""
  local at=1
  [ "$COMP_CWORD" -gt 1 ] && [ "\${COMP_WORDS[1]}" = help ] && at=2
  [ "$COMP_CWORD" -gt "$at" ] && first="\${COMP_WORDS[at]}"
  [ "$COMP_CWORD" -gt "$((at + 1))" ] && second="\${COMP_WORDS[at+1]}"
  case "$first" in
    "") words="${firstWords(words)}" ;;
${cases(words, "$second")}
  esac
  case "$prev" in
${valueCases(words)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _dwbase dwbase
`;
}

function zsh(words: Words): string {
  return `#compdef dwbase
_dwbase() {
  local first="" second="" prev="\${words[CURRENT-1]}" offered at=2
  (( CURRENT > 2 )) && [[ "\${words[2]}" = help ]] && at=3
  (( CURRENT > at )) && first="\${words[at]}"
  (( CURRENT > at + 1 )) && second="\${words[at+1]}"
  offered=$(_dwbase_words "$first" "$second" "$prev")
  compadd -- \${=offered} || _files
}
_dwbase_words() {
  local words=""
  case "$1" in
    "") words="${firstWords(words)}" ;;
${cases(words, "$2")}
  esac
  case "$3" in
${valueCases(words)}
  esac
  print -r -- "$words"
}
if [ "$funcstack[1]" = "_dwbase" ]; then _dwbase "$@"; else compdef _dwbase dwbase; fi
`;
}

function fish(words: Words): string {
  const firsts = [...words.keys()].join(" ");
  const helped = `__fish_seen_subcommand_from help; and not __fish_seen_subcommand_from ${firsts}`;
  const lines = [
    "# fish completion of dwbase",
    `complete -c dwbase -n __fish_use_subcommand -f -a help -d ${quote("how a command is used")}`,
    `complete -c dwbase -n '${helped}' -f -a '${firsts}'`,
  ];
  for (const [name, word] of words) {
    lines.push(`complete -c dwbase -n __fish_use_subcommand -f -a ${name} -d ${quote(word.summary)}`);
    if (!("actions" in word)) {
      lines.push(...fishAction(`__fish_seen_subcommand_from ${name}`, word));
      continue;
    }
    const names = Object.keys(word.actions).join(" ");
    const before = `__fish_seen_subcommand_from ${name}; and not __fish_seen_subcommand_from ${names}`;
    if (word.bare) lines.push(...fishAction(before, word.bare));
    for (const [sub, action] of Object.entries(word.actions)) {
      lines.push(`complete -c dwbase -n '${before}' -f -a ${sub} -d ${quote(action.summary)}`);
      lines.push(
        ...fishAction(`__fish_seen_subcommand_from ${name}; and __fish_seen_subcommand_from ${sub}`, action),
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

function fishAction(condition: string, action: Action): string[] {
  const given =
    action.choices === undefined
      ? []
      : [`complete -c dwbase -n '${condition}' -f -a '${action.choices.join(" ")}'`];
  const options = optionsOf(action).map((option) => {
    const short = /^-([a-z]),/.exec(option.flags)?.[1];
    const parts = [`complete -c dwbase -n '${condition}' -l ${longName(option)}`];
    if (short !== undefined) parts.push(`-s ${short}`);
    if (takesValue(option)) parts.push("-r");
    if (option.choices !== undefined) parts.push(`-f -a '${option.choices.join(" ")}'`);
    return `${parts.join(" ")} -d ${quote(option.about)}`;
  });
  return [...given, ...options];
}

function quote(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
