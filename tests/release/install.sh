#!/usr/bin/env bash
# The action in `install/` without GitHub: a release on loopback, with a program that only says its version. Checks what is
# installed, and what is refused.
# usage: install.sh
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
server=
cleanup() {
  # A server that was stopped has failed, which is not what this script ends with.
  if [ -n "$server" ]; then kill "$server" && wait "$server" || true; fi
  rm -rf "$work"
} 2> /dev/null
trap cleanup EXIT
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
failures=0

check() { # DESCRIPTION WANTED FOUND
  if [ "$2" = "$3" ]; then echo "ok: $1"; else
    echo "FAILED: $1: wanted '$2', found '$3'" >&2
    failures=$((failures + 1))
  fi
}

# Assets as the release names them.
release=$work/releases/v$version
mkdir -p "$release"
for architecture in amd64 arm64; do
  printf '#!/bin/sh\necho "iter8 %s for %s"\n' "$version" "$architecture" > "$release/iter8-linux-$architecture"
done
echo '{}' > "$release/iter8.cdx.json"
(cd "$release" && sha256sum -- * > SHA256SUMS)
# The expressions are text here.
# shellcheck disable=SC2016
check 'the release names its binaries so' 2 \
  "$(grep -cE 'binaries/iter8-linux-\$ARCHITECTURE|name: iter8-linux-\$\{\{ matrix.architecture \}\}' "$root/.github/workflows/release.yml")"
check 'and its checksums' 1 "$(grep -c 'sha256sum -- \* > SHA256SUMS' "$root/.github/workflows/release.yml")"

# Port 0, so that nobody else's is taken: the server says which it got.
python3 -u -m http.server --bind 127.0.0.1 --directory "$work/releases" 0 > "$work/server" 2> /dev/null &
server=$!
for _ in $(seq 100); do
  port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$work/server")
  [ -n "$port" ] && break
  sleep 0.1
done

# install ARCHITECTURE [SYSTEM]: runs the script as the step does.
install() {
  mkdir -p "$work/temp"
  : > "$work/path"
  ARCHITECTURE=$1 SYSTEM=${2:-Linux} RUNNER_TEMP=$work/temp GITHUB_PATH=$work/path NO_PROXY=127.0.0.1 \
    "$root/install/install.sh" "http://127.0.0.1:$port" > "$work/log" 2>&1
}

# refuses WHY ARGUMENT…: it fails, says why, and puts nothing on the PATH.
refuses() {
  local why=$1 code=0
  shift
  install "$@" || code=$?
  check "refused: $why" "1 yes empty" \
    "$code $(grep -q "^::error .*$why" "$work/log" && echo yes) $([ -s "$work/path" ] || echo empty)"
}

for pair in X64:amd64 ARM64:arm64; do
  install "${pair%:*}" || cat "$work/log"
  check "installed for ${pair%:*}" "iter8 $version for ${pair#*:}" "$(PATH=$(cat "$work/path"):$PATH iter8 version)"
  check 'and nothing beside it' iter8 "$(ls "$(cat "$work/path")")"
done
refuses 'no binary for X86' X86
refuses 'no binary for macOS' ARM64 macOS

echo '# changed' >> "$release/iter8-linux-amd64"
refuses 'not what its checksum says' X64
sed -i '/iter8-linux-arm64/d' "$release/SHA256SUMS"
refuses 'not what its checksum says' ARM64
rm "$release/SHA256SUMS"
refuses 'cannot be downloaded (SHA256SUMS)' X64
rm -r "$release"
refuses 'cannot be downloaded (iter8-linux-amd64)' X64

if [ "$failures" -gt 0 ]; then
  echo "$failures failed" >&2
  exit 1
fi
