#!/bin/sh
# Writes an environment file with generated keys, readable by its owner alone:
#   scripts/setup-env.sh [--force] [FILE]        FILE: .env beside .env.example
# A new file is made from .env.example. In a file that is there, empty keys are filled in and the rest stays as it
# is; keys that are set are replaced with --force only.
set -eu
umask 077

root=$(cd "$(dirname "$0")/.." && pwd)
example=$root/.env.example
out=$root/.env
force=no

for arg in "$@"; do
  case $arg in
    --force) force=yes ;;
    -h | --help)
      sed -n '2,5s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    -*)
      echo "setup-env: unknown option $arg; usage: setup-env.sh [--force] [FILE]" >&2
      exit 2
      ;;
    *) out=$arg ;;
  esac
done

if [ -e "$out" ]; then
  from=$out
  if [ "$force" = no ] && ! grep -Eq '^(WW_API_KEY|WW_ADMIN_API_KEY)=$' "$out"; then
    echo "setup-env: $out has its keys already; --force replaces them" >&2
    exit 1
  fi
else
  from=$example
fi

# 256 random bits in hex.
new_key() {
  key=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
  if [ "${#key}" -ne 64 ]; then
    echo "setup-env: /dev/urandom gave too few bytes" >&2
    exit 1
  fi
  printf '%s' "$key"
}

# A loop instead of sed: no key ever stands on a command line, where others could read it.
fill_keys() {
  while IFS= read -r line || [ -n "$line" ]; do
    name=${line%%=*}
    case $name in
      WW_API_KEY) value=$api_key ;;
      WW_ADMIN_API_KEY) value=$admin_key ;;
      *) value= ;;
    esac
    if [ -n "$value" ] && { [ "$force" = yes ] || [ "$line" = "$name=" ]; }; then
      line=$name=$value
    fi
    printf '%s\n' "$line"
  done
}

api_key=$(new_key)
admin_key=$(new_key)
temp=$out.tmp-$$
trap 'rm -f "$temp"' EXIT
fill_keys <"$from" >"$temp"
mv "$temp" "$out"
echo "setup-env: wrote $out (mode 600); load it with: set -a; . $out; set +a"
