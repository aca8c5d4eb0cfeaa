#!/usr/bin/env bash
# Builds the gRPC servers and clients of others that the tests of gRPC use, and makes sure of Python's gRPC.
# usage: build.sh      Prints the folder: $ITER8_CI_CACHE/servers, by default ~/.cache/iter8-ci/servers.
# Go modules are pinned by go.mod and go.sum, Python packages by requirements.txt. What is there already and was made from the
# same pins is kept. What cannot be had is one line `skipped: …`, or with ITER8_REQUIRE_ALL=1 a failure.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${ITER8_CI_CACHE:-$HOME/.cache/iter8-ci}
folder=$cache/servers
mkdir -p "$folder/proto" || exit
missing=0

skip() {
  echo "skipped: $1 ($2)" >&2
  missing=1
}

# current FILE PIN…: whether FILE was made from these pins.
current() {
  local stamp=$1
  shift
  [ -e "$stamp" ] && [ "$(cat "$@" | cksum)" = "$(cat "$stamp")" ]
}

# program NAME PACKAGE
program() {
  echo "building $1" >&2
  nice go -C "$here" build -mod=readonly -trimpath -buildvcs=false -ldflags='-s -w' -o "$folder/$1" "$2" >&2 || return
}

# module_folder MODULE: where its sources are.
module_folder() { go -C "$here" list -m -f '{{.Dir}}' "$1"; }

go_programs() {
  local google=google.golang.org/grpc
  program grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl &&
    program ghz github.com/bojand/ghz/cmd/ghz &&
    program grpc-health-probe github.com/grpc-ecosystem/grpc-health-probe &&
    program grpc-testserver github.com/fullstorydev/grpcurl/internal/testing/cmd/testserver &&
    program grpc-interop-server $google/interop/server &&
    program greeter-server $google/examples/helloworld/greeter_server &&
    program route-guide-server $google/examples/route_guide/server &&
    program health-server $google/examples/features/health/server &&
    install -m 644 "$(module_folder $google/examples)"/{helloworld/helloworld/helloworld,route_guide/routeguide/route_guide}.proto "$folder/proto/" &&
    install -m 644 "$(module_folder github.com/fullstorydev/grpcurl)/internal/testing/test.proto" "$folder/proto/testserver.proto" &&
    cat "$here/go.mod" "$here/go.sum" | cksum > "$folder/go.stamp"
}

# The same environment as the validators use.
python_packages() {
  { [ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv"; } &&
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$here/requirements.txt" >&2 &&
    "$cache/venv/bin/python" -m grpc_tools.protoc --proto_path="$folder/proto" --include_imports \
      --descriptor_set_out="$folder/proto/route_guide.protoset" route_guide.proto >&2 &&
    cksum < "$here/requirements.txt" > "$folder/python.stamp"
}

if ! current "$folder/go.stamp" "$here/go.mod" "$here/go.sum"; then
  if ! command -v go > /dev/null; then
    skip "gRPC servers and clients" "go is not installed"
  elif ! go_programs; then
    skip "gRPC servers and clients" "they cannot be built"
  fi
fi
if ! current "$folder/python.stamp" "$here/requirements.txt"; then
  python_packages || skip "Python's gRPC" "it cannot be installed"
fi
echo "$folder"
if [ "${ITER8_REQUIRE_ALL:-}" = 1 ]; then exit "$missing"; fi
