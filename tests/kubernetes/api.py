"""The API server, as pods.py and cluster.py speak with it: JSON over one kubeconfig, with nothing but Python's own library."""
import json
import ssl
import urllib.error
import urllib.request

MERGE = "application/merge-patch+json"


class Api:
    """Requests of an administrator."""

    def __init__(self, kubeconfig):
        with open(kubeconfig) as file:
            config = json.load(file)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = cluster["server"]
        self.tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self.tls.load_cert_chain(user["client-certificate"], user["client-key"])

    def open(self, method, path, body=None, kind="application/json"):
        """The answer, to be read; urllib.error.HTTPError if it is not a success."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data, {"Content-Type": kind}, method=method)
        return urllib.request.urlopen(request, context=self.tls)

    def ask(self, method, path, body=None, kind="application/json"):
        """The object of an answer."""
        with self.open(method, path, body, kind) as answer:
            return json.load(answer)

    def get(self, namespace, resource, name):
        """An object of the core."""
        return self.ask("GET", f"/api/v1/namespaces/{namespace}/{resource}/{name}")

    def is_there(self, path):
        """Whether a path answers with a success."""
        try:
            self.open("GET", path).close()
        except (urllib.error.URLError, OSError):
            return False
        return True
