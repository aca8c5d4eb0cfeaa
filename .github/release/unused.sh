#!/usr/bin/env bash
# Refuses a version that is released or begun already, before anything is pushed: an image that somebody pinned stays.
# usage: unused.sh VERSION IMAGE
set -euo pipefail
version=$1 image=$2
refuse() { echo "no release: $1" >&2 && exit 1; }

[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || refuse "'$version' is no version"
tags=$(git ls-remote origin "refs/tags/v$version")
[ -z "$tags" ] || refuse "v$version is there already"
if docker buildx imagetools inspect "$image:$version" > /dev/null 2>&1; then
  refuse "$image:$version is there already: raise the version, or delete the image if its release never came to be"
fi
