#!/usr/bin/env python3
"""Draws a comment and a summary of each outcome, as GitHub shows them, to be looked at.

usage: pictures.py BINARY TOOLS FOLDER     (TOOLS holds render-markdown.mjs with its modules; needs node and Chromium)

FOLDER/comments.png shows the four comments as they come, folded.
A small service is tested by `iter8 action`, which comments on a loopback GitHub: ../container/examples/github.py.
"""

import http.server
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HEAD = "0123456789abcdef0123456789abcdef01234567"
HERE = Path(__file__).resolve().parent
# Outcome: the path that is tested, what of it, and the requests.
CASES = {
    "pass": ("/", "http/latency-p95 <= 200ms\nhttp/error-rate <= 1%", "400"),
    "fail": ("/slow", "http/latency-p95 <= 200ms\nhttp/latency-mean <= 60ms\nhttp/error-rate <= 1%", "400"),
    "inconclusive": ("/", "http/latency-p95 <= 75ms\nhttp/error-rate <= 1%", "60"),
    "invalid": ("/login", "http/latency-p95 <= 200ms", "60"),
}


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        slow = self.path == "/slow" and random.random() < 0.2
        time.sleep(random.uniform(0.25, 0.4) if slow else random.uniform(0.02, 0.06))
        status = 401 if self.path == "/login" else 503 if slow and random.random() < 0.2 else 200
        self.send_response(status)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_):
        pass


def run(binary, folder, github, url, outcome):
    path, slos, requests = CASES[outcome]
    pull = {"number": 7, "head": {"sha": HEAD, "ref": "topic", "repo": {"full_name": "acme/shop"}}, "base": {"ref": "main", "repo": {"full_name": "acme/shop"}}}
    (folder / "event.json").write_text(json.dumps({"number": 7, "pull_request": pull}))
    (folder / "summary").write_text("")
    inputs = {
        "url": url + path, "slos": slos, "numRequests": requests, "qps": "40", "connections": "10", "comment": "always", "commentKey": outcome,
        "onInconclusive": "fail" if outcome == "inconclusive" else "observed", "token": "ghs_0123456789",
    }  # fmt: skip
    environment = {
        "PATH": os.environ["PATH"], "GITHUB_ACTIONS": "true", "GITHUB_API_URL": github, "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "99",
        "GITHUB_REPOSITORY": "acme/shop", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": "event.json", "GITHUB_WORKFLOW": "Preview",
        "GITHUB_JOB": "slo", "GITHUB_STEP_SUMMARY": "summary", "GITHUB_OUTPUT": "output", "GITHUB_SHA": HEAD,
    }  # fmt: skip
    environment |= {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
    subprocess.run([binary, "action"], cwd=folder, env=environment, capture_output=True, timeout=120, check=False)
    found = json.loads((folder / "iter8-results/result.json").read_text())["outcome"]
    if found != outcome:
        sys.exit(f"wanted {outcome}, the outcome is {found}: is the machine busy?")


def draw(tools, markdown, folder, name):
    source, page = folder / f"{name}.md", folder / f"{name}.html"
    source.write_text(markdown)
    subprocess.run(["node", tools / "render-markdown.mjs", source, page, "light"], check=True)
    photograph(page, folder / f"{name}.png", "920,1400")
    subprocess.run(["node", tools / "render-markdown.mjs", source, folder / f"{name}-folded.html", "light", "folded"], check=True)


def photograph(page, picture, size):
    command = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=8000", f"--window-size={size}"]
    subprocess.run([*command, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True, timeout=120)


def main(binary, tools, target):
    binary, tools, target = Path(binary).resolve(), Path(tools).resolve(), Path(target).resolve()
    target.mkdir(exist_ok=True, parents=True)
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = folder / "state.json"
        github = subprocess.Popen([HERE.parent / "container/examples/github.py", folder / "port", state], stderr=subprocess.DEVNULL)
        try:
            while not (folder / "port").exists():
                time.sleep(0.05)
            address = f"http://127.0.0.1:{(folder / 'port').read_text()}"
            for outcome in CASES:
                run(binary, folder, address, f"http://127.0.0.1:{service.server_port}", outcome)
                comment = json.loads(state.read_text())["comments"][-1]["body"]
                draw(tools, comment, target, f"comment-{outcome}")
                draw(tools, (folder / "summary").read_text(), target, f"summary-{outcome}")
        finally:
            github.kill()
    frames = "".join(f'<iframe src="comment-{outcome}-folded.html"></iframe>' for outcome in CASES)
    style = "body{margin:8px;display:grid;grid-template-columns:1fr 1fr;gap:8px;background:#fff}iframe{border:1px solid #d1d9e0;height:500px;width:100%}"
    (target / "comments.html").write_text(f"<!doctype html><style>{style}</style>{frames}")
    photograph(target / "comments.html", target / "comments.png", "1560,1026")


main(*sys.argv[1:])
