#!/usr/bin/env bash
# Moves the branch of the major version to a release, last of all: users of `@v1` have what is published from then on.
# Version 1 has always been a branch, and a tag of the same name would be ambiguous, so there must be none.
# usage: major.sh TAG
set -euo pipefail
tag=$1
refuse() { echo "the branch stays: $1" >&2 && exit 1; }

[[ $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || refuse "'$tag' is no release"
major=${tag%%.*}
[ -z "$(git ls-remote origin "refs/tags/$major")" ] || refuse "there is a tag $major, too"
commit=$(git rev-parse --verify "refs/tags/$tag^{commit}")
if git show "$commit:action.yml" | grep -qE 'sha256:0{64}'; then refuse "action.yml of $tag names no image"; fi
# A fix of an older version must not take users back. The tag of a draft is no release yet: what counts is the branch.
there=$(git ls-remote origin "refs/heads/$major" | cut -f1)
newest=$({ git ls-remote origin "refs/tags/$major.*" | sed -n "s|^$there\trefs/tags/||p" | sed 's/\^{}$//' && echo "$tag"; } |
  grep -E '^v[0-9]+\.[0-9]+\.[0-9]+$' | sort -V | tail -n 1)
[ "$newest" = "$tag" ] || refuse "$newest is newer"
git push --force origin "$commit:refs/heads/$major"
