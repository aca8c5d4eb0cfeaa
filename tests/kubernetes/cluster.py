#!/usr/bin/env python3
"""A Kubernetes cluster on loopback: etcd, API server and controllers are real; the one node is played by pods.py.

usage: cluster.py FOLDER [IMAGE=PROGRAM ...]

It begins empty, keeps everything in FOLDER, says `ready` when it can be used, and ends, with FOLDER, when its standard input does. So it
never outlives who started it, however that ends. FOLDER/kubeconfig then has these contexts:
    admin   may do everything, by a client certificate
    guest   is somebody, by a token, and may do nothing
An IMAGE is what PROGRAM does; pods of other images cannot be started. Lines on stdin are orders, each answered by `done`:
    stop NAME, start NAME       of etcd, kube-apiserver, kube-controller-manager and pods
The programs come from build.sh, etcd from Debian's etcd-server.
"""
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from api import Api

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("ITER8_CI_CACHE") or os.path.expanduser("~/.cache/iter8-ci")
TOOLS = os.path.join(CACHE, "k8s")
PATIENCE = 120
# Of all definitions those that tests use: each costs the API server time.
DEFINITIONS = {
    "services.serving.knative.dev",
    "inferenceservices.serving.kserve.io",
    "virtualservices.networking.istio.io",
    "httproutes.gateway.networking.k8s.io",
}


def free_ports(count):
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """The processes of a cluster, and their files."""

    def __init__(self, folder, images):
        self.folder, self.images = folder, images
        self.running = {}
        os.makedirs(folder, exist_ok=True)
        self.api_port, self.store_port, self.peer_port, self.log_port = free_ports(4)
        self.kubeconfig = self.path("kubeconfig")

    def path(self, *parts):
        """A path in the folder."""
        return os.path.join(self.folder, *parts)

    def start(self, name):
        """Starts a process."""
        with open(self.path(name + ".log"), "ab") as log:
            self.running[name] = subprocess.Popen(
                self.command(name), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def stop(self, name):
        """Ends a process that was started here."""
        process = self.running.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def command(self, name):
        """What is run under a name."""
        store = f"http://127.0.0.1:{self.store_port}"
        program = os.path.join(TOOLS, "bin", name)
        if name == "etcd":
            return [
                "etcd", "--data-dir", self.path("etcd"), "--log-level", "warn",
                "--listen-client-urls", store, "--advertise-client-urls", store,
                "--listen-peer-urls", f"http://127.0.0.1:{self.peer_port}",
            ]
        if name == "kube-apiserver":
            return [
                program, "--etcd-servers", store, "--secure-port", str(self.api_port), "--bind-address", "127.0.0.1",
                "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none", "--cert-dir", self.path("tls"),
                "--client-ca-file", self.path("tls", "people.crt"), "--token-auth-file", self.path("tokens.csv"),
                "--authorization-mode", "RBAC", "--service-cluster-ip-range", "10.0.0.0/24",
                "--service-account-issuer", "https://kubernetes.default.svc",
                "--service-account-key-file", self.path("tls", "accounts.key"),
                "--service-account-signing-key-file", self.path("tls", "accounts.key"),
            ]
        if name == "kube-controller-manager":
            return [
                program, "--kubeconfig", self.kubeconfig, "--leader-elect=false", "--secure-port", "0",
                "--service-account-private-key-file", self.path("tls", "accounts.key"),
                "--root-ca-file", self.path("tls", "apiserver.crt"), "--controllers", "*,-node-lifecycle-controller",
            ]
        if name == "pods":
            return [sys.executable, os.path.join(HERE, "pods.py"), self.kubeconfig, str(self.log_port), self.path("pods"), *self.images]
        raise ValueError(f"there is no {name}")

    def credentials(self):
        """Who may ask the API server: a certificate, a token, and the key that accounts of pods are signed with."""
        tls = self.path("tls")
        os.makedirs(tls)
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=tls, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        openssl("genrsa", "-out", "accounts.key", "2048")
        openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=people", "-keyout", "people.key", "-out", "people.crt")
        openssl("req", *curve, "-subj", "/O=system:masters/CN=admin", "-keyout", "admin.key", "-out", "admin.csr")
        # With an extension it is of version 3: some refuse older ones.
        with open(os.path.join(tls, "extensions"), "w") as file:
            file.write("extendedKeyUsage = clientAuth\n")
        signing = ["-CA", "people.crt", "-CAkey", "people.key", "-CAcreateserial", "-extfile", "extensions"]
        openssl("x509", "-req", "-days", "2", "-in", "admin.csr", *signing, "-out", "admin.crt")
        token = secrets.token_hex(16)
        with open(self.path("tokens.csv"), "w") as file:
            file.write(f"{token},guest,guest\n")
        users = [
            {"name": "admin", "user": {"client-certificate": f"{tls}/admin.crt", "client-key": f"{tls}/admin.key"}},
            {"name": "guest", "user": {"token": token}},
        ]
        server = {"server": f"https://127.0.0.1:{self.api_port}", "certificate-authority": f"{tls}/apiserver.crt"}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "admin",
            "clusters": [{"name": "loopback", "cluster": server}], "users": users,
            "contexts": [{"name": user["name"], "context": {"cluster": "loopback", "user": user["name"]}} for user in users],
        }
        with open(self.kubeconfig, "w") as file:
            json.dump(config, file, indent=1)

    def wait(self, what, holds):
        """Until something holds, unless a process ends before."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            ended = [name for name, process in self.running.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                names = ended or list(self.running)
                logs = "\n".join(f"{name}: {tail(self.path(name + '.log'))}" for name in names)
                raise SystemExit(f"the cluster has no {what}: {logs}")
            time.sleep(0.1)

    def define(self, api):
        """Adds the resources that others publish, and waits until they are served."""
        with open(os.path.join(TOOLS, "definitions.yaml")) as file:
            documents = re.split(r"^---\s*$", file.read(), flags=re.MULTILINE)
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        added = []
        for document in documents:
            name = re.search(r"^  name: (\S+)$", document, flags=re.MULTILINE)
            if name and name[1] in DEFINITIONS:
                api.ask("POST", path, document.encode(), "application/yaml")
                added.append(name[1])
        if set(added) != DEFINITIONS:
            raise SystemExit(f"not published: {DEFINITIONS - set(added)}")

        def established():
            conditions = (api.ask("GET", f"{path}/{name}").get("status", {}).get("conditions") or [] for name in added)
            return all(any(c["type"] == "Established" and c["status"] == "True" for c in each) for each in conditions)

        self.wait("definitions", established)

    def up(self):
        """Starts everything."""
        self.credentials()
        self.start("etcd")
        self.start("kube-apiserver")

        def serving():
            # Its certificate, which it makes itself, is there before it serves.
            return os.path.exists(self.path("tls", "apiserver.crt")) and Api(self.kubeconfig).is_there("/readyz")

        self.wait("API server", serving)
        api = Api(self.kubeconfig)
        self.start("kube-controller-manager")
        self.start("pods")
        self.define(api)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self.wait("controllers", lambda: api.is_there(account) and api.is_there("/api/v1/nodes/loopback"))

    def down(self):
        """Ends everything that was started, the last first."""
        for name in reversed(list(self.running)):
            self.stop(name)

    def obey(self, order):
        """Carries out an order."""
        verb, _, name = order.strip().partition(" ")
        if verb == "stop":
            self.stop(name)
        elif verb == "start":
            self.start(name)
            if name == "kube-apiserver":
                self.wait("API server", lambda: Api(self.kubeconfig).is_there("/readyz"))
        else:
            raise ValueError(f"unknown order: {order}")


def tail(path):
    """The last lines of a log."""
    with open(path, errors="replace") as file:
        return "".join(file.readlines()[-5:])


def main():
    """Keeps a cluster for as long as somebody wants it."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    cluster = Cluster(os.path.abspath(sys.argv[1]), sys.argv[2:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        cluster.up()
        print("ready", flush=True)
        for order in sys.stdin:
            cluster.obey(order)
            print("done", flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        cluster.down()
    # One that could not start leaves its logs.
    shutil.rmtree(cluster.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
