#!/bin/sh
# Installs the load generators that `run` compares with, as their registries offer them.
#
#   benches/peers/install.sh
#
# What Debian packages comes from apt (needs root or sudo), Fortio, k6 and ghz from the Go module proxy,
# oha from crates.io. Binaries go to ${XDG_CACHE_HOME:-~/.cache}/iter8-peers/bin; what is there is kept.
# What cannot be had is said in one line and left out: `run` then leaves that tool out too.
set -u

fortio=v1.66.0
k6=v2.2.0
ghz=v0.120.0
oha=1.16.0

cache=${XDG_CACHE_HOME:-$HOME/.cache}/iter8-peers
bin=$cache/bin
mkdir -p "$bin"
failed=0

skip() {
    echo "skipped: $1 ($2)" >&2
    failed=1
}

have() { [ -x "$bin/$1" ] || command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

# quietly NAME COMMAND...: runs it with its output in a log, whose last line explains a failure.
quietly() {
    name=$1
    shift
    log=$cache/install-$name.log
    nice -n 10 "$@" >"$log" 2>&1 </dev/null || {
        skip "$name" "$(tail -n 1 "$log"); log: $log"
        return 1
    }
    echo "installed: $name"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1"; }

# debian COMMAND PACKAGE
debian() {
    if have "$1"; then
        echo "present: $1"
    elif command -v apt-get >/dev/null 2>&1; then
        log=$cache/install-$1.log
        if apt "$2" >"$log" 2>&1 </dev/null; then
            echo "installed: $1"
        else
            skip "$1" "$(tail -n 1 "$log"); log: $log"
        fi
    else
        skip "$1" "no apt-get: install it by hand"
    fi
}

# module COMMAND MODULE VERSION [PACKAGE]. Built from a module of its own, and not by `go install`, which also asks for the latest
# version, and that not every proxy knows.
module() {
    if have "$1"; then
        echo "present: $1"
    elif command -v go >/dev/null 2>&1; then
        folder=$cache/module-$1
        mkdir -p "$folder"
        printf 'module peers\n\nrequire %s %s\n' "$2" "$3" >"$folder/go.mod"
        quietly "$1" go -C "$folder" build -mod=mod -trimpath -o "$bin/$1" "$2${4:+/$4}"
    else
        skip "$1" "no go"
    fi
}

debian cc gcc
debian openssl openssl
debian wrk wrk
debian h2load nghttp2-client
debian nginx nginx-light
debian hey hey
module fortio fortio.org/fortio $fortio
if have oha; then
    echo "present: oha"
elif command -v cargo >/dev/null 2>&1; then
    quietly oha env CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-1}" CARGO_TARGET_DIR="$cache/build" \
        cargo install oha --version "$oha" --locked --root "$cache" && rm -rf "$cache/build"
else
    skip oha "no cargo"
fi
module k6 go.k6.io/k6/v2 $k6
module ghz github.com/bojand/ghz $ghz cmd/ghz
exit $failed
