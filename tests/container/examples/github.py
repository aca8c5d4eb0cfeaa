#!/usr/bin/env python3
"""A deployment and the part of GitHub's REST API that the example workflows need, on one free loopback port; it keeps what it is told.

usage: github.py PORT_FILE STATE_FILE     (after each change, comments and statuses are written to STATE_FILE as JSON;
                                          while STATE_FILE.broken exists, the deployment answers 500)

A token that starts with `read-` may only read, as that of a pull request from a fork.
"""

import http.server
import json
import os
import re
import sys
import threading

HEAD = "0123456789abcdef0123456789abcdef01234567"
BASE = "89abcdef0123456789abcdef0123456789abcdef"
port_file, state_file = sys.argv[1:]
state = {"comments": [], "statuses": []}
lock = threading.Lock()


def repository(name):
    return {"id": 1, "full_name": name, "name": "shop", "owner": {"login": name.split("/")[0]}, "default_branch": "main", "fork": False}


def pull():
    head = {"sha": HEAD, "ref": "topic", "repo": repository("acme/shop"), "label": "acme:topic"}
    base = {"sha": BASE, "ref": "main", "repo": repository("acme/shop"), "label": "acme:main"}
    return {"number": 7, "state": "open", "head": head, "base": base, "user": {"login": "octocat"}}


def keep():
    with open(state_file + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file, indent=1)
    os.rename(state_file + ".new", state_file)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def answer(self, status, value):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(value, bytes) else "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_call(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or "null") if length else None
        path = self.path.split("?")[0]
        if not path.startswith("/repos/"):
            status = 500 if os.path.exists(state_file + ".broken") else 200
            return self.answer(status, b"<!doctype html><title>shop</title>\n")
        if self.command != "GET" and "read-" in self.headers.get("Authorization", ""):
            return self.answer(403, {"message": "Resource not accessible by integration"})
        with lock:
            self.answer(*self.call(self.command, path.removeprefix("/repos/acme/shop"), body))

    def call(self, method, path, body):
        if (method, path) == ("GET", "/issues/7/comments"):
            return 200, state["comments"]
        if (method, path) == ("POST", "/issues/7/comments"):
            number = len(state["comments"]) + 1
            url = f"https://github.com/acme/shop/pull/7#issuecomment-{number}"
            author = {"login": "github-actions[bot]", "type": "Bot"}
            comment = {"id": number, "body": body["body"], "user": author, "html_url": url, "created_at": "2026-01-02T03:04:05Z", "changes": 0}
            state["comments"].append(comment)
            keep()
            return 201, comment
        if found := re.fullmatch(r"/issues/comments/(\d+)", path):
            comment = state["comments"][int(found[1]) - 1]
            if method == "PATCH":
                comment["body"] = body["body"]
                comment["changes"] += 1
                keep()
            return 200, comment
        if method == "POST" and (found := re.fullmatch(r"/statuses/(\w+)", path)):
            state["statuses"].append(body | {"sha": found[1]})
            keep()
            return 201, body
        if method == "GET":
            return self.read(path)
        return 404, {"message": "Not Found"}

    def read(self, path):
        address = f"http://127.0.0.1:{self.server.server_address[1]}/preview"
        known = {
            "": repository("acme/shop"),
            "/pulls/7": pull(),
            f"/commits/{HEAD}/pulls": [pull()],
            "/deployments": [{"id": 3, "sha": HEAD, "ref": "topic", "environment": "preview"}],
            "/deployments/3/statuses": [{"id": 4, "state": "success", "environment_url": address, "created_at": "2026-01-02T03:04:05Z"}],
        }
        return (200, known[path]) if path in known else (404, {"message": "Not Found"})

    do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = handle_call

    def log_message(self, text, *values):
        sys.stderr.write(f"{text % values}\n")


keep()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w", encoding="ascii") as file:
    file.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
