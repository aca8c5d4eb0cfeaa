#!/usr/bin/env bash
# Runs act/workflow.yml, a workflow with `uses: ./`, with act on podman's API: checkout, container, outputs, exit codes.
# usage: act.sh BINARY      (static; needs podman, buildah, runc, busybox-static, git, python3; root)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/build-image.sh" "$1"
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$here/env.sh"
work=$(mktemp -d)
started=()
cleanup() {
  for process in "${started[@]}"; do kill "$process" && wait "$process" || true; done
  rm -rf "$work"
} 2> /dev/null
trap cleanup EXIT
# shellcheck source-path=SCRIPTDIR source=act-env.sh
. "$here/act-env.sh"

# A repository as a user has it.
repository=$work/repository
mkdir -p "$repository/.github/workflows"
cp "$here/act/workflow.yml" "$repository/.github/workflows/"
cp "$here/hostile.yaml" "$repository/"
sed 's|^  image: .*|  image: docker://localhost/iter8:latest|' "$here/../../action.yml" > "$repository/action.yml"
commit_all "$repository"

python3 "$here/server.py" "$work/port" &
started+=($!)
wait_for "$work/port"

cd "$repository"
log=$work/act.log
code=0
run_act push --var "TARGET=http://127.0.0.1:$(cat "$work/port")" > "$log" 2>&1 || code=$?
cat "$log"
if [ "$code" -ne 0 ]; then exit "$code"; fi
grep -q 'all outputs are as promised' "$log"
# Annotations reach the runner; what the target and a script say is shown and not obeyed. act marks what it obeys.
grep -q 'onInconclusive' "$log"
grep -q '| .*retry after .*forged' "$log"
grep -q '| .*passed=forged' "$log"
if grep -E '(❗|⚠|⚙|❓|💬|🚧) +(::|##\[)[^:]*(:: *)?([a-z]+=)?forged' "$log"; then
  echo 'the target issued a command' >&2
  exit 1
fi
echo 'ok'
