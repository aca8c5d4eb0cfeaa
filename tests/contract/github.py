#!/usr/bin/env python3
"""Runs the action against GitHub's description of its REST API, and fails where a request does not fit it.

usage: github.py BINARY NODE_MODULES

Prism answers with the examples of the description and keeps no state, so what comes of a call is of no interest here: only that
every call is one that GitHub has, with what it takes.
"""

import http.server
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

COMMIT = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
# What the action must have called, or this test has not seen it.
EXPECTED = """
GET /repos/{owner}/{repo}
GET /repos/{owner}/{repo}/issues/{issue_number}/comments
POST /repos/{owner}/{repo}/issues/{issue_number}/comments
PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}
POST /repos/{owner}/{repo}/statuses/{sha}
GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls
GET /repos/{owner}/{repo}/deployments
GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses
GET /repos/{owner}/{repo}/pulls
GET /repos/{owner}/{repo}/git/ref/{ref}
GET /repos/{owner}/{repo}/git/commits/{commit_sha}
GET /repos/{owner}/{repo}/git/trees/{tree_sha}
POST /repos/{owner}/{repo}/git/trees
POST /repos/{owner}/{repo}/git/commits
PATCH /repos/{owner}/{repo}/git/refs/{ref}
POST /repos/{owner}/{repo}/pulls
""".split("\n")[1:-1]
MEDIA = ("application/vnd.github+json", "application/vnd.github.v3+json")


def described(source, target):
    """Writes the description as Prism takes it: answers also as GitHub's own media types, and refs with their slash."""
    document = json.loads(source.read_text())
    paths = {path: item for path, item in document["paths"].items() if path.startswith("/repos/{owner}/{repo}") or path == "/user"}
    for path in list(paths):
        if re.search(r"/git/refs?/\{ref\}$", path):
            paths[path.replace("{ref}", "heads/{ref}")] = paths[path]
    document["paths"] = paths
    # A comment that an earlier run of the key `again` wrote, to be changed in place.
    comment = document["components"]["examples"]["issue-comment-items"]["value"][0]
    comment["body"] = f"<!-- iter8:comment key=again commit={COMMIT} run=1 attempt=1 started=1 outcome=fail verdicts=0 -->\nformer"
    comment["user"] |= {"login": "github-actions[bot]", "type": "Bot"}
    answers = list(document["components"]["responses"].values())
    for item in paths.values():
        answers += [answer for name, call in item.items() if name != "parameters" for answer in call["responses"].values()]
    for answer in answers:
        content = answer.get("content", {})
        for media in MEDIA if "application/json" in content else ():
            content.setdefault(media, content["application/json"])
    target.write_text(json.dumps(document))
    return paths


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Target(http.server.BaseHTTPRequestHandler):
    """What is tested."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def prism(modules, folder):
    port, log = free_port(), folder / "prism.log"
    program = modules / "@stoplight/prism-cli/dist/index.js"
    with log.open("w") as out:
        command = ["node", program, "mock", "-h", "127.0.0.1", "-p", str(port), folder / "github.json"]
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/repos/acme/shop", timeout=5)
        except urllib.error.HTTPError:
            pass
        except OSError:
            if process.poll() is not None:
                sys.exit(f"Prism ended:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
            continue
        return process, f"http://127.0.0.1:{port}", log
    process.kill()
    sys.exit("Prism does not answer")


def action(binary, folder, api, event, name, inputs):
    folder.mkdir()
    (folder / "event.json").write_text(json.dumps(event))
    for name_of_file in ("output", "summary"):
        (folder / name_of_file).touch()
    environment = {
        "PATH": os.environ["PATH"], "GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_API_URL": api, "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": COMMIT, "GITHUB_RUN_ID": "99", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_WORKFLOW": "test",
        "GITHUB_JOB": "slo", "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(folder / "event.json"), "INPUT_TOKEN": "ghs_contract",
        "GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary"),
    }  # fmt: skip
    environment |= {f"INPUT_{key.upper()}": value for key, value in inputs.items()}
    command = [binary, "action"]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    print(f"-- {name}: exit {run.returncode}\n{run.stderr}", end="")
    return run


def called(log, paths):
    """The calls that Prism saw, as the description names them, and what it found wrong with them."""
    calls, wrong = set(), []
    shapes = [(re.compile(re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(path)) + "$"), path) for path in sorted(paths, key=lambda path: path.count("{"))]
    for line in re.sub(r"\x1b\[[0-9;]*m", "", log.read_text()).splitlines():
        if request := re.search(r"\[HTTP SERVER\] (\w+) (\S+) .*Request received", line):
            path = request[2].split("?")[0]
            found = next((shape for expression, shape in shapes if expression.match(path)), None)
            calls.add(f"{request[1].upper()} {(found or path).replace('heads/{ref}', '{ref}')}")
        elif " post /graphql " in line:
            continue  # no part of the REST description
        elif "Violation: request" in line or "NO_PATH" in line or "Route not resolved" in line or "NO_METHOD" in line:
            wrong.append(line)
    return calls, wrong


def main(binary, modules):
    binary, modules = str(Path(binary).resolve()), Path(modules)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = described(modules / "@octokit/openapi/generated/api.github.com.json", folder / "github.json")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        process, api, log = prism(modules, folder)
        try:
            load = {"url": url, "numRequests": "5", "slos": "http/error-rate <= 0", "comment": "always", "status": "iter8/slo"}
            changes = "- {file: deploy/image.txt, content: 'app:v2'}"
            repository = {"full_name": "acme/shop", "default_branch": "main"}
            head = {"sha": COMMIT, "ref": "topic", "repo": repository}
            pull = {"number": 1347, "state": "open", "head": head, "base": {"sha": COMMIT, "ref": "main", "repo": repository}}
            # Prism knows no parameter with a slash in it, as the default branch of a job has.
            proposal = {"pullRequest": "on-pass", "pullRequestChanges": changes, "pullRequestBranch": "iter8-slo"}
            runs = [action(binary, folder / "pull", api, {"pull_request": pull, "number": 1347}, "pull_request", load | proposal)]
            again = load | {"commentKey": "again"}
            runs.append(action(binary, folder / "again", api, {"pull_request": pull, "number": 1347}, "pull_request", again))
            runs.append(action(binary, folder / "push", api, {"after": COMMIT}, "push", {"readyTimeout": "2s", "comment": "always"}))
            runs.append(action(binary, folder / "commit", api, {"after": COMMIT}, "push", load))
            tested = {"id": 99, "head_sha": COMMIT, "head_branch": "topic", "event": "pull_request", "run_attempt": 1, "head_repository": {
                "full_name": "mallory/shop", "owner": {"login": "mallory"}}, "pull_requests": [], "run_started_at": "2026-01-02T03:04:05Z"}
            publish = {"mode": "publish", "artifact": str(folder / "pull/iter8-results"), "comment": "always", "status": "iter8/fork"}
            runs.append(action(binary, folder / "fork", api, {"workflow_run": tested, "repository": repository}, "workflow_run", publish))
            process.terminate()
            process.wait()
            calls, wrong = called(log, paths)
            print("\n".join(["-- calls", *sorted(calls)]))
            missing = [call for call in EXPECTED if call not in calls]
            for what, lines in (("does not fit GitHub's description", wrong), ("never called", missing)):
                for line in lines:
                    print(f"{what}: {line}", file=sys.stderr)
            if wrong or missing:
                sys.exit(1)
        finally:
            process.kill()


main(*sys.argv[1:])
