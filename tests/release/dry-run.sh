#!/usr/bin/env bash
# A release without registry and network: the scripts of .github/release on a copy of this repository whose origin is a
# folder. Checks what is committed, tagged and pushed, in which order, and what is refused.
# usage: dry-run.sh
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_TERMINAL_PROMPT=0
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
digest=sha256:$(printf 'a%.0s' $(seq 64))
image=ghcr.io/iter8-tools/iter8-action
failures=0

check() { # DESCRIPTION WANTED FOUND
  if [ "$2" = "$3" ]; then echo "ok: $1"; else
    echo "FAILED: $1: wanted '$2', found '$3'" >&2
    failures=$((failures + 1))
  fi
}

# refuses WHY COMMAND…: it fails, says why, and leaves origin as it was.
refuses() {
  local why=$1 before code=0
  shift
  before=$(git ls-remote origin)
  "$@" > "$work/log" 2>&1 || code=$?
  check "refused: $why" "1 yes" "$code $(grep -q "$why" "$work/log" && echo yes)"
  check 'and nothing is pushed' "$before" "$(git ls-remote origin)"
}

# What is in the work tree now, as the only commit of `main`; and the branch that the former action left.
git init --quiet --bare "$work/origin"
git init --quiet --initial-branch=main "$work/clone"
(cd "$root" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --null --files-from - -c) | tar -x -C "$work/clone"
cd "$work/clone"
git remote add origin "$work/origin"
git add --all
git commit --quiet --message main
git push --quiet origin main main:refs/heads/v1
main=$(git rev-parse HEAD)

# A registry that has one image.
mkdir "$work/bin"
printf '#!/bin/sh\n[ "$*" = "buildx imagetools inspect %s:99.0.0" ]\n' "$image" > "$work/bin/docker"
chmod +x "$work/bin/docker"
unused() { PATH="$work/bin:$PATH" .github/release/unused.sh "$1" "$image"; }
check 'a version that is new may be built' 0 "$(unused "$version" > /dev/null 2>&1; echo $?)"
refuses 'is no version' unused latest
refuses "$image:99.0.0 is there already" unused 99.0.0

refuses 'is no version' .github/release/commit.sh latest "$digest"
refuses 'is no digest' .github/release/commit.sh "$version" sha256:abc
refuses 'stands for none' .github/release/commit.sh "$version" "sha256:$(printf '0%.0s' $(seq 64))"
refuses "Cargo.toml says $version" .github/release/commit.sh 99.0.0 "$digest"
echo change >> README.md
refuses 'not committed' .github/release/commit.sh "$version" "$digest"
git checkout --quiet README.md

.github/release/commit.sh "$version" "$digest"
check 'one commit above main' "$main" "$(git rev-parse HEAD^)"
check 'the tag is on it' "$(git rev-parse HEAD)" "$(git rev-parse "v$version^{commit}")"
check 'the action names the image of this release' "  image: docker://$image:$version@$digest" "$(git show HEAD:action.yml | grep image:)"
check 'no file names another' '' "$(git grep -hoE "$image:[0-9][^ ]*@sha256:[0-9a-f]{64}" HEAD -- ':!tests' ':!.github' | sort -u | grep -vxF "$image:$version@$digest" || true)"
check 'it changes no more than that' "$(git grep -lE "$image:[0-9][^@ ]*@sha256:" "$main" -- ':!tests' ':!.github' | sed 's/^[^:]*://' | sort)" \
  "$(git diff --name-only HEAD^ | sort)"
check 'nothing was pushed yet' "$main" "$(git ls-remote origin refs/heads/v1 | cut -f1)"
check 'links stay links' "$(git ls-tree -r "$main" | grep -c ^120000)" "$(git ls-tree -r HEAD | grep -c ^120000)"

git push --quiet origin "refs/tags/v$version"
refuses 'is there already' .github/release/commit.sh "$version" "$digest"
refuses "v$version is there already" unused "$version"
check 'the branch of the major version is still the former one' "$main" "$(git ls-remote origin refs/heads/v1 | cut -f1)"
refuses 'is no release' .github/release/major.sh "v$version-rc.1"

git tag v1
git push --quiet origin refs/tags/v1
refuses 'there is a tag v1, too' .github/release/major.sh "v$version"
git push --quiet origin :refs/tags/v1
git tag --delete v1 > /dev/null

git tag v1.999.0 "$main"
refuses 'names no image' .github/release/major.sh v1.999.0
git push --quiet origin refs/tags/v1.999.0
refuses 'v1.999.0 is newer' .github/release/major.sh "v$version"
git push --quiet origin :refs/tags/v1.999.0

# The tag of a draft.
git push --quiet origin "$(git commit-tree -m draft "$main^{tree}"):refs/tags/v1.998.0"
.github/release/major.sh "v$version" > "$work/log" 2>&1
check 'then the branch moves to the release' "$(git rev-parse "v$version^{commit}")" "$(git ls-remote origin refs/heads/v1 | cut -f1)"
check 'v1 is a branch and no tag' "refs/heads/v1" "$(git ls-remote origin | cut -f2 | grep -E '/v1$')"

if [ "$failures" -gt 0 ]; then
  echo "$failures failed" >&2
  exit 1
fi

# What a release is installed by.
"$root/tests/release/install.sh"
