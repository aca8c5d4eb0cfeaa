#!/usr/bin/env python3
"""Plays the one node of a cluster, and its scheduler: the containers of a pod are processes of this machine.

usage: pods.py KUBECONFIG PORT FOLDER [IMAGE=PROGRAM ...]

A container gets what a real one gets of the API: its environment, secrets, config maps and the token of its account as
files in a view of the file system of its own, SIGTERM and its grace period at the end. A command with the name of the image's
PROGRAM is that program. Logs are served on PORT to the API server, as a kubelet serves them.
What goes wrong on real nodes does so here: an image that is not listed cannot be pulled, a pod with a node selector finds no
node, one whose status says that it failed (as evictions do) is ended, and a crashing container waits longer each time.
Not played: probes (what runs is ready), limits, networks.
"""
import base64
import http.server
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
from datetime import datetime, timezone

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from api import MERGE, Api

NODE = "loopback"
STRATEGIC = "application/strategic-merge-patch+json"
LONGEST_PAUSE = 20


def now():
    """This second, as the API writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def inside(program):
    """Where a container finds its program, whatever its volumes hide."""
    return "/run/" + os.path.basename(program)


class Pod:
    """A pod on its way from being seen to being gone."""

    def __init__(self, node, object_):
        self.node, self.api = node, node.api
        self.object, self.spec = object_, object_["spec"]
        meta = object_["metadata"]
        self.name, self.namespace, self.uid = meta["name"], meta["namespace"], meta["uid"]
        self.path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"
        self.folder = os.path.join(node.folder, self.uid)
        self.processes, self.ending, self.restarts, self.started = [], threading.Event(), 0, now()

    # ---- what the API is told ----

    def tell(self, phase, state, reason=None, conditions=()):
        """Sets the status."""
        running = "running" in state
        said = [{"type": "Ready", "status": str(running)}, {"type": "ContainersReady", "status": str(running)}, *conditions]
        containers = [
            {"name": c["name"], "image": c["image"], "imageID": "", "ready": running, "started": running,
             "restartCount": self.restarts, "state": state}
            for c in self.spec["containers"]
        ]
        status = {
            "phase": phase, "hostIP": "127.0.0.1", "podIP": "127.0.0.1", "startTime": self.started,
            "conditions": [{"lastTransitionTime": now(), **each} for each in said], "containerStatuses": containers,
        }
        if reason:
            status["reason"] = reason
        self.api.ask("PATCH", self.path + "/status", {"status": status}, STRATEGIC)

    def event(self, reason, message):
        """Writes a warning down beside the pod."""
        event = {
            "metadata": {"generateName": self.name + ".", "namespace": self.namespace}, "type": "Warning", "reason": reason,
            "message": message, "firstTimestamp": now(), "lastTimestamp": now(), "count": 1,
            "involvedObject": {"kind": "Pod", "apiVersion": "v1", "name": self.name, "namespace": self.namespace, "uid": self.uid},
        }
        self.api.ask("POST", f"/api/v1/namespaces/{self.namespace}/events", event)

    # ---- its life ----

    def live(self):
        """From the scheduler to the end."""
        try:
            if self.spec.get("nodeSelector"):
                self.unschedulable()
                return
            target = {"kind": "Node", "name": NODE}
            self.api.ask("POST", self.path + "/binding", {"metadata": {"name": self.name}, "target": target})
            os.makedirs(self.folder)
            unknown = [c["image"] for c in self.containers() if c["image"] not in self.node.images]
            if unknown:
                self.not_pulled(unknown[0])
                return
            self.run()
        except urllib.error.HTTPError as error:
            # Gone meanwhile, most likely.
            print(f"{self.path}: {error} {error.read().decode()}", flush=True)

    def containers(self):
        """All of them, in the order in which they start."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def unschedulable(self):
        message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message, "lastTransitionTime": now()}
        self.api.ask("PATCH", self.path + "/status", {"status": {"conditions": [condition]}}, STRATEGIC)
        self.event("FailedScheduling", message)

    def not_pulled(self, image):
        message = f'Failed to pull image "{image}": not found'
        self.tell("Pending", {"waiting": {"reason": "ErrImagePull", "message": message}})
        self.event("Failed", message)
        time.sleep(1)
        self.tell("Pending", {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}})

    def run(self):
        policy = self.spec.get("restartPolicy", "Always")
        pause = 1
        while True:
            self.tell("Running", {"running": {"startedAt": now()}})
            code = self.attempt()
            again = policy == "Always" or policy == "OnFailure" and code != 0
            if self.ending.is_set() or not again:
                break
            self.restarts += 1
            self.tell("Running", {"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off {pause}s restarting failed container"}})
            if self.ending.wait(pause):
                break
            pause = min(pause * 2, LONGEST_PAUSE)
        if self.api.ask("GET", self.path)["status"].get("reason") == "Evicted":
            return
        # Nobody else than the kernel kills what nobody asked to end: it has no memory left.
        failure = "OOMKilled" if code == 128 + signal.SIGKILL and not self.ending.is_set() else "Error"
        ended = {"exitCode": code, "reason": failure if code else "Completed", "finishedAt": now()}
        self.tell("Failed" if code else "Succeeded", {"terminated": ended})

    def attempt(self):
        """Runs the init containers one by one and the others together; the first exit code that is not 0."""
        first = [[container] for container in self.spec.get("initContainers", [])]
        for together in [*first, self.spec["containers"]]:
            started = [self.spawn(container) for container in together]
            self.processes = started
            if self.ending.is_set():
                self.signal(signal.SIGTERM)
            failed = [code for code in [process.wait() for process in started] if code]
            if failed:
                return 128 - failed[0] if failed[0] < 0 else failed[0]
        return 0

    def end(self, grace):
        """Asks the processes to end, and ends them when their time is up."""
        self.ending.set()
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while any(process.poll() is None for process in self.processes) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.signal(signal.SIGKILL)

    def signal(self, which):
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, which)

    def leave(self):
        """What a node does with a pod that is deleted."""
        self.end(self.object["metadata"].get("deletionGracePeriodSeconds", 30))
        try:
            self.api.ask("DELETE", self.path, {"gracePeriodSeconds": 0})
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- a container ----

    def spawn(self, container):
        """Starts a container, in a view of the file system in which its volumes are mounted, and its program is in /run."""
        volumes = {volume["name"]: volume for volume in self.spec.get("volumes", [])}
        mounts = container.get("volumeMounts", [])
        # Last what hides the folders that the others come from.
        mounts = sorted(mounts, key=lambda mount: (self.folder + "/").startswith(mount["mountPath"].rstrip("/") + "/"))
        binds = []
        for mount in mounts:
            binds += [os.path.join(self.volume(volumes[mount["name"]]), mount.get("subPath", "")), mount["mountPath"]]
        mounting = """mount -t tmpfs tmpfs /run && touch "$2" && mount --bind "$1" "$2" || exit; work=$3 n=$4; shift 4
            while [ "$n" -gt 0 ]; do mkdir -p "$2" && mount --bind "$1" "$2"; shift 2; n=$((n - 1)); done
            cd "$work" && exec "$@"
        """
        environment = self.environment(container)
        program = self.node.images[container["image"]]
        view = [program, inside(program), container.get("workingDir", self.folder), str(len(binds) // 2)]
        words = ["unshare", "--mount", "sh", "-c", mounting, "sh", *view, *binds, *self.command(container, environment)]
        with open(self.log(container["name"]), "ab") as log:
            return subprocess.Popen(words, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def log(self, container):
        return os.path.join(self.folder, container + ".log")

    def command(self, container, environment):
        def expanded(words):
            return [re.sub(r"\$\((\w+)\)", lambda found: environment.get(found[1], found[0]), word) for word in words]

        program = self.node.images[container["image"]]
        first, *rest = expanded(container.get("command", [])) or [program]
        if os.path.basename(first) == os.path.basename(program):
            first = inside(program)
        return [first, *rest, *expanded(container.get("args", []))]

    def environment(self, container):
        host = self.api.server.removeprefix("https://").rsplit(":", 1)
        found = {"KUBERNETES_SERVICE_HOST": host[0], "KUBERNETES_SERVICE_PORT": host[1], "HOSTNAME": self.name,
                 "PATH": os.environ["PATH"], "HOME": "/"}
        for each in container.get("envFrom", []):
            entries = self.secret(each["secretRef"]["name"]) if "secretRef" in each else self.config(each["configMapRef"]["name"])
            found.update({each.get("prefix", "") + key: value.decode() for key, value in entries.items()})
        for each in container.get("env", []):
            source = each.get("valueFrom", {})
            if "fieldRef" in source:
                found[each["name"]] = self.field(source["fieldRef"]["fieldPath"])
            elif "secretKeyRef" in source:
                reference = source["secretKeyRef"]
                found[each["name"]] = self.secret(reference["name"])[reference["key"]].decode()
            elif "configMapKeyRef" in source:
                reference = source["configMapKeyRef"]
                found[each["name"]] = self.config(reference["name"])[reference["key"]].decode()
            else:
                found[each["name"]] = each.get("value", "")
        return found

    def field(self, path):
        meta = self.object["metadata"]
        keyed = re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", path)
        if keyed:
            return meta.get(keyed[1], {}).get(keyed[2], "")
        if path.startswith("metadata."):
            return meta[path.removeprefix("metadata.")]
        return {"status.podIP": "127.0.0.1", "spec.nodeName": NODE, "spec.serviceAccountName": self.account()}[path]

    def account(self):
        return self.spec.get("serviceAccountName", "default")

    def secret(self, name):
        data = self.api.get(self.namespace, "secrets", name).get("data", {})
        return {key: base64.b64decode(value) for key, value in data.items()}

    def config(self, name):
        data = self.api.get(self.namespace, "configmaps", name).get("data", {})
        return {key: text.encode() for key, text in data.items()}

    def token(self):
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.account()}/token"
        return self.api.ask("POST", path, {"spec": {"expirationSeconds": 3600}})["status"]["token"].encode()

    def volume(self, volume):
        """The folder that is mounted for a volume."""
        if "persistentVolumeClaim" in volume:
            folder = os.path.join(self.node.folder, "claims", self.namespace, volume["persistentVolumeClaim"]["claimName"])
        else:
            folder = os.path.join(self.folder, "volumes", volume["name"])
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)
        for source in volume.get("projected", {}).get("sources", [volume]):
            files = {}
            if "serviceAccountToken" in source:
                files = {"token": self.token()}
            elif "secret" in source:
                files = self.secret(source["secret"].get("secretName") or source["secret"]["name"])
            elif "configMap" in source:
                files = self.config(source["configMap"]["name"])
            elif "downwardAPI" in source:
                files = {item["path"]: self.field(item["fieldRef"]["fieldPath"]).encode() for item in source["downwardAPI"]["items"]}
            for name, content in files.items():
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(content)
        return folder


class Node:
    """The node: it sees pods come and go."""

    def __init__(self, api, port, folder, images):
        self.api, self.port, self.folder, self.images = api, port, folder, images
        self.pods, self.leaving = {}, set()

    def register(self):
        """Makes the node known, with the port of its logs."""
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "conditions": [{"type": "Ready", "status": "True"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
        }
        try:
            self.api.ask("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
        self.api.ask("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, MERGE)

    def watch(self):
        """For ever; an API server that is away is asked again."""
        while True:
            try:
                with self.api.open("GET", "/api/v1/pods?watch=1") as events:
                    for line in events:
                        event = json.loads(line)
                        if event["type"] in ("ADDED", "MODIFIED"):
                            self.see(event["object"])
            except (OSError, ValueError) as error:
                print(f"watching: {error}", flush=True)
            time.sleep(0.3)

    def see(self, object_):
        uid = object_["metadata"]["uid"]
        if uid not in self.pods:
            # What has ended already does not begin again.
            if object_.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                self.pods[uid] = Pod(self, object_)
                threading.Thread(target=self.pods[uid].live, daemon=True).start()
            elif "deletionTimestamp" not in object_["metadata"]:
                return
        pod = self.pods.setdefault(uid, Pod(self, object_))
        pod.object = object_
        if "deletionTimestamp" in object_["metadata"] and uid not in self.leaving:
            self.leaving.add(uid)
            threading.Thread(target=pod.leave, daemon=True).start()
        elif object_.get("status", {}).get("reason") == "Evicted" and not pod.ending.is_set():
            threading.Thread(target=pod.end, args=(5,), daemon=True).start()

    def find(self, namespace, name):
        """The pod of a name that came last."""
        found = [pod for pod in self.pods.values() if (pod.namespace, pod.name) == (namespace, name)]
        return found[-1] if found else None


def serve_logs(node, certificate):
    """Answers GET /containerLogs/NAMESPACE/POD/CONTAINER."""

    class Logs(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            _, _, namespace, name, container = path.split("/")[:5]
            pod = node.find(namespace, name)
            if pod is None or not os.path.exists(pod.log(container)):
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            with open(pod.log(container), "rb") as log:
                lines = re.search(r"tailLines=(\d+)", query)
                text = log.read()
                self.wfile.write(b"".join(text.splitlines(True)[-int(lines[1]):]) if lines else text)
                while "follow=true" in query and any(process.poll() is None for process in pod.processes):
                    time.sleep(0.1)
                    self.wfile.write(log.read())
                    self.wfile.flush()
                self.wfile.write(log.read() if "follow=true" in query else b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", node.port), Logs)
    server.daemon_threads = True
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, certificate.removesuffix(".crt") + ".key")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    """Plays a node until SIGTERM, and takes its pods along."""
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    kubeconfig, port, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    images = dict(each.split("=", 1) for each in sys.argv[4:])
    node = Node(Api(kubeconfig), port, folder, images)
    os.makedirs(folder, exist_ok=True)

    def leave(*_):
        for pod in list(node.pods.values()):
            pod.signal(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    serve_logs(node, os.path.join(os.path.dirname(kubeconfig), "tls", "apiserver.crt"))
    node.register()
    node.watch()


if __name__ == "__main__":
    main()
