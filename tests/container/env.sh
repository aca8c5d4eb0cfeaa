# shellcheck shell=bash
# Source me: podman and buildah then use a store and a configuration of our own, and need no daemon and no registry.
# ITER8_CI_CACHE is the folder that is kept between runs; ITER8_CI_STORAGE is `overlay` or `vfs`.
cache=${ITER8_CI_CACHE:-$HOME/.cache/iter8-ci}
mkdir -p "$cache/networks"
cache=$(cd "$cache" && pwd)
for tool in podman buildah runc; do
  command -v "$tool" > /dev/null || { echo "needs $tool (Debian: podman buildah runc)" >&2; exit 69; }
done
cat > "$cache/containers.conf" <<CONF
[containers]
netns = "host"
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_config_dir = "$cache/networks"
CONF
cat > "$cache/storage.conf" <<CONF
[storage]
driver = "${ITER8_CI_STORAGE:-overlay}"
graphroot = "$cache/graph"
runroot = "$cache/run"
CONF
export CONTAINERS_CONF=$cache/containers.conf CONTAINERS_STORAGE_CONF=$cache/storage.conf BUILDAH_ISOLATION=chroot
unset STORAGE_DRIVER
