#!/usr/bin/env bash
# Makes what a test cluster needs, once: kube-apiserver, kube-controller-manager and kubectl, built from their Go modules,
# and the resource definitions that Knative, KServe, Istio and the Gateway API publish.
# usage: build.sh      Prints the folder: $ITER8_CI_CACHE/k8s, by default ~/.cache/iter8-ci/k8s.
# Without Go it is one line `skipped: …`, or with ITER8_REQUIRE_ALL=1 a failure. A first build takes minutes and some
# gigabytes, which are given back at its end; 260 MB stay.
set -euo pipefail
kubernetes=1.32.0
definitions=(
  knative.dev/serving@v0.43.0:config/core/300-resources/service.yaml
  github.com/kserve/kserve@v0.14.0:config/crd/full/serving.kserve.io_inferenceservices.yaml
  istio.io/api@v1.24.0:kubernetes/customresourcedefinitions.gen.yaml
  sigs.k8s.io/gateway-api@v1.2.1:config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
)
folder=${ITER8_CI_CACHE:-$HOME/.cache/iter8-ci}/k8s
programs=$folder/$kubernetes
mkdir -p "$programs" "$folder/build"

if [ ! -e "$programs/complete" ] && ! command -v go > /dev/null; then
  echo "skipped: a Kubernetes cluster to test against (go is not installed)" >&2
  if [ "${ITER8_REQUIRE_ALL:-}" = 1 ]; then exit 1; fi
  exit 0
fi

# field NAME: the value of a field of the JSON on stdin, as `go mod download` prints it.
field() { sed -n "s/^[[:space:]]*\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p"; }

# The libraries of Kubernetes stand in its own repository: its go.mod names them without a version, and who builds it from
# outside says which.
describe() {
  local file library
  printf 'module iter8.tools/kubernetes\n\ngo 1.23.0\n\nrequire k8s.io/kubernetes v%s\n' "$kubernetes" > go.mod
  file=$(go mod download -json "k8s.io/kubernetes@v$kubernetes" | field GoMod)
  sed -n 's|^[[:space:]]*\(k8s\.io/[a-z-]*\) v0\.0\.0\( .*\)\{0,1\}$|\1|p' "$file" | while IFS= read -r library; do
    go mod edit -replace "$library=$library@v0${kubernetes#1}"
  done
}

compile() {
  local program stamp=k8s.io/component-base/version minor=${kubernetes#1.}
  # Nobody has to go on with these caches, so that they are thrown away.
  export GOCACHE=$folder/build/cache GOFLAGS='-mod=mod -trimpath -buildvcs=false'
  cd "$folder/build"
  describe
  for program in kube-apiserver kube-controller-manager kubectl; do
    echo "building $program" >&2
    nice go build -p 2 -o "$programs/$program" \
      -ldflags "-s -w -X $stamp.gitVersion=v$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" \
      "k8s.io/kubernetes/cmd/$program" >&2
  done
}

# One file with a document for each definition.
collect() {
  local definition source
  for definition in "${definitions[@]}"; do
    source=$(GOFLAGS=-mod=mod go mod download -json "${definition%%:*}" | field Dir)
    printf -- '---\n'
    cat "$source/${definition#*:}"
  done
}

if [ ! -e "$programs/complete" ]; then
  (compile)
  rm -rf "$folder/build/cache"
  touch "$programs/complete"
fi
pins=$(printf '%s\n' "${definitions[@]}" | cksum)
if [ "$(cat "$folder/definitions.stamp" 2> /dev/null)" != "$pins" ]; then
  (cd "$folder/build" && collect > "$folder/definitions.yaml")
  echo "$pins" > "$folder/definitions.stamp"
fi
ln -sfn "$kubernetes" "$folder/bin"
echo "$folder"
