#!/usr/bin/env bash
# Builds localhost/iter8 from a static binary without pulling anything, and checks that it is the image of ../../Dockerfile.
# usage: build-image.sh BINARY
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "$1")
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$here/env.sh"
busybox=$(command -v busybox) || { echo "needs busybox (Debian: busybox-static)" >&2; exit 69; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What follows `FROM scratch` must be the same in both files but for where the root file system comes from.
last_stage() { sed -n '/^FROM scratch/,$p' "$1" | sed 's/^COPY .*/COPY/'; }
diff <(last_stage "$here/../../Dockerfile") <(last_stage "$here/Dockerfile") >&2

"$here/rootfs.sh" "$binary" /etc/ssl/certs/ca-certificates.crt "$busybox" "$work/rootfs"
podman build --quiet --tag localhost/iter8 --file "$here/Dockerfile" "$work"
