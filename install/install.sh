#!/usr/bin/env bash
# Downloads the binary of the release that this folder is of, compares it with the release's checksums, and puts it on the
# PATH of later steps. GitHub sets RUNNER_TEMP and GITHUB_PATH, the action SYSTEM and ARCHITECTURE.
# usage: install.sh [URL of the folder that holds a folder for each tag]
set -euo pipefail
releases=${1:-https://github.com/iter8-tools/iter8-action/releases/download}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
refuse() {
  # The runner reads a command from stdout; nothing of the message comes from outside.
  echo "::error title=iter8 is not installed::$1"
  exit 1
}

[ "$SYSTEM" = Linux ] || refuse "there is no binary for $SYSTEM, only for Linux: use a Linux runner"
case $ARCHITECTURE in
  X64) machine=amd64 ;;
  ARM64) machine=arm64 ;;
  *) refuse "there is no binary for $ARCHITECTURE, only for X64 and ARM64" ;;
esac
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../Cargo.toml" | head -n 1)
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || refuse 'this checkout of the action names no version'

name=iter8-linux-$machine
folder=$RUNNER_TEMP/iter8-$version
rm -rf "$folder"
mkdir -p "$folder"
for file in "$name" SHA256SUMS; do
  curl --fail --silent --show-error --location --retry 3 --connect-timeout 20 --max-time 300 \
    --output "$folder/$file" "$releases/v$version/$file" ||
    refuse "the release v$version cannot be downloaded ($file); a commit that is no release has none: use a tag such as v$version"
done
# The one line of this file; without it nothing would be compared.
(cd "$folder" && awk -v name="$name" '$2 == name || $2 == "*" name' SHA256SUMS > expected &&
  [ "$(wc -l < expected)" -eq 1 ] && sha256sum --check --quiet --strict expected) ||
  refuse "$name of v$version is not what its checksum says"

mv "$folder/$name" "$folder/iter8"
rm "$folder/SHA256SUMS" "$folder/expected"
chmod 0755 "$folder/iter8"
"$folder/iter8" version
echo "$folder" >> "$GITHUB_PATH"
