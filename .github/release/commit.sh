#!/usr/bin/env bash
# Writes version and digest of the pushed image into every file that names it, commits them, and tags that commit: who
# pins the commit pins the image. Pushes nothing.
# usage: commit.sh VERSION DIGEST
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$1 digest=$2
image=ghcr.io/iter8-tools/iter8-action
refuse() { echo "no release: $1" >&2 && exit 1; }

[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || refuse "'$version' is no version"
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || refuse "'$digest' is no digest"
[[ ! $digest =~ ^sha256:0+$ ]] || refuse 'the digest is the one that stands for none'
cargo=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
[ "$cargo" = "$version" ] || refuse "Cargo.toml says $cargo"
git diff --quiet HEAD || refuse 'there are changes that are not committed'
if git rev-parse --quiet --verify "refs/tags/v$version" > /dev/null ||
  [ -n "$(git ls-remote origin "refs/tags/v$version")" ]; then
  refuse "v$version is there already"
fi

mapfile -t files < <(git grep -lE "$image:[0-9][^@ ]*@sha256:[0-9a-f]{64}" -- ':!tests' ':!.github')
[ ${#files[@]} -gt 0 ] || refuse 'no file names the image'
# Links of a catalogue's layout are followed, not replaced.
sed -i --follow-symlinks -E "s|($image:)[0-9][^@ ]*@sha256:[0-9a-f]{64}|\1$version@$digest|" "${files[@]}"
for file in action.yml "${files[@]}"; do
  grep -q "$image:$version@$digest" "$file" || refuse "$file does not name the image"
done
git commit --quiet --message "Release $version" -- "${files[@]}"
git tag --annotate "v$version" --message "iter8 $version"
