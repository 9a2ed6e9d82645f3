#!/usr/bin/env bash
# What dwbase is for, in half a minute: remembers conversations, answers twenty questions, is killed without warning,
# starts again and answers the same. Nothing is left behind; no network and no free port are needed.
#   scripts/demo.sh [BINARY]     default: $DWBASE_BIN, else dist/dwbase-linux-<this machine>, built if it is absent
# The conversations are those of ../shared/locomo-dev where that is there, else test/fixtures/sample.jsonl.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
questions_wanted=20
start_seconds=30

binary=${1:-${DWBASE_BIN:-}}
if [ -z "$binary" ]; then
  case $(uname -m) in
    x86_64) target=x64 ;;
    aarch64) target=arm64 ;;
    *) echo "there is no build for $(uname -m); name an executable: $0 BINARY" >&2 && exit 2 ;;
  esac
  binary=$root/dist/dwbase-linux-$target
  if [ ! -x "$binary" ]; then
    echo "Building $binary ..."
    (cd "$root" && PATH="$root/node_modules/.bin:$PATH" bun scripts/build.ts --target "$target" >/dev/null)
  fi
fi
binary=$(realpath "$binary")

dir=$(mktemp -d)
node=
cleanup() {
  if [ -n "$node" ]; then kill -KILL "$node" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT
cd "$dir"
# no settings but our own; a Unix socket needs no free port
for name in $(compgen -e | grep -E '^(DWBASE|WW)_' || true); do unset "$name"; done
export DWBASE_API="unix://$dir/node.sock" NO_COLOR=1

die() {
  echo "demo: $1; the node's log:" >&2
  tail -n 20 "$dir/log" >&2
  exit 1
}

start() {
  "$binary" serve --listen "unix:$dir/node.sock" --data-dir "$dir/data" >>"$dir/log" 2>&1 &
  node=$!
  local deadline=$((SECONDS + start_seconds))
  # reading goes on in every state but that of starting
  until "$binary" list-worlds >/dev/null 2>&1; do
    kill -0 "$node" 2>/dev/null || die "the node ended at its start"
    [ "$SECONDS" -lt "$deadline" ] || die "the node did not answer within $start_seconds s"
    sleep 0.1
  done
}

# Twenty questions about the sample, for where there are no conversations.
sample_questions() {
  cat <<'QUESTIONS'
When does the plumber come?
What was wrong with the sump pump?
How long is the warranty on the float switch?
Why was the hot water slow upstairs?
When does the hot water circulation run?
Who changed the ventilation filters?
When is the next filter change?
What class are the ventilation filters?
Where was the crack in the drip line?
How much water did the leak cost each night?
Was there flow during the night?
When should the dishwasher run?
Which cells do the garage remotes need?
Who closed the garage door?
What was found behind the cellar shelf?
When should the greenhouse roof window open?
How high was the water in the sump?
When is the chimney sweep's next visit?
What did the chimney sweep find?
Womit wurde der Kachelofen geheizt?
QUESTIONS
}

# Fills questions.tsv (world, tab, question) and prints the files to import.
choose() {
  local atoms=("$root"/../shared/locomo-dev/*.atoms.jsonl) file per
  if [ ! -e "${atoms[0]}" ]; then
    sample_questions | sed 's/^/home\t/' >"$dir/questions.tsv"
    echo "$root/test/fixtures/sample.jsonl"
    return
  fi
  per=$(((questions_wanted + ${#atoms[@]} - 1) / ${#atoms[@]}))
  for file in "${atoms[@]}"; do
    local world
    world=$(basename "$file" .atoms.jsonl)
    # lines with a backslash hold an escaped quote
    grep -v '\\' "${file%.atoms.jsonl}.questions.jsonl" | head -n "$per" |
      sed -E "s/^\{\"question\": \"([^\"]*)\".*/$world\t\1/"
  done | head -n "$questions_wanted" >"$dir/questions.tsv"
  printf '%s\n' "${atoms[@]}"
}

# Answers with ids, order, every score and the text, a line a question.
ask_all() {
  local world question
  while IFS=$'\t' read -r world question; do
    "$binary" ask "$world" "$question" --explain --json | tr -d '\n' || die "asking \"$question\" failed"
    echo
  done <"$dir/questions.tsv" >"$1"
}

start
mapfile -t files < <(choose)
for file in "${files[@]}"; do
  echo "Remembering $(wc -l <"$file") memories of $(basename "$file") ..."
  "$binary" import "$file" >/dev/null || die "the import of $file failed"
done

echo
began=$(date +%s%N)
ask_all "$dir/before"
milliseconds=$((($(date +%s%N) - began) / 1000000))
while IFS=$'\t' read -r world question && IFS= read -r answer <&3; do
  text=$(sed -E 's/.*"text": ?"(([^"\\]|\\.)*)", ?"supporting_atoms".*/\1/' <<<"$answer")
  printf '[%s] %s\n    %s\n' "$world" "$question" "$text"
done <"$dir/questions.tsv" 3<"$dir/before"

echo
echo "kill -9 $node, in the middle of its work ..."
"$binary" remember other "a memory on its way" >/dev/null 2>&1 &
# the shell would report the end of a job that is still its own, sometimes after the wait
disown "$node"
kill -KILL "$node"
wait 2>/dev/null || true
while kill -0 "$node" 2>/dev/null; do sleep 0.02; done
start
ask_all "$dir/after"

asked=$(wc -l <"$dir/before")
[ "$asked" -eq "$questions_wanted" ] || die "only $asked questions were answered"
memories=$(cat "${files[@]}" | wc -l)
supporting=$(grep -o '"payload_json"' "$dir/before" | wc -l)
if ! cmp -s "$dir/before" "$dir/after"; then
  diff "$dir/before" "$dir/after" | head -n 20 | cut -c 1-400 >&2
  die "the answers after the restart differ"
fi
kill -TERM "$node"
code=0
wait "$node" || code=$?
node=
[ "$code" -eq 0 ] || die "the node exited with $code"
"$binary" storage check --deep --data-dir "$dir/data" >/dev/null || die "the deep check found damage"

cat <<SUMMARY
$memories memories, $asked questions, $supporting memories in the answers ($((milliseconds / asked)) ms a question, the start of the command line included).
After kill -9 and a restart: the same ids, order, scores and text in $asked of $asked answers; the data is whole.
SUMMARY
