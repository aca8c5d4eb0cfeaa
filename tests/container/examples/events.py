#!/usr/bin/env python3
"""Writes the events after which the example workflows run, as GitHub sends them.

usage: events.py FOLDER URL
"""

import json
import sys
from pathlib import Path

HEAD = "0123456789abcdef0123456789abcdef01234567"
BASE = "89abcdef0123456789abcdef0123456789abcdef"
folder, url = Path(sys.argv[1]), sys.argv[2]
own = {"full_name": "acme/shop", "default_branch": "main", "fork": False, "owner": {"login": "acme"}}
foreign = own | {"full_name": "mallory/shop", "fork": True, "owner": {"login": "mallory"}}


def pull(source):
    head = {"sha": HEAD, "ref": "topic", "repo": source}
    return {"number": 7, "state": "open", "head": head, "base": {"sha": BASE, "ref": "main", "repo": own}, "user": {"login": "octocat"}}


run = {
    "id": 103, "run_attempt": 1, "head_sha": HEAD, "head_branch": "topic", "event": "pull_request", "conclusion": "success", "name": "Load test",
    "run_started_at": "2026-01-02T03:04:05Z", "head_repository": foreign, "actor": {"login": "mallory"}, "pull_requests": [],
}  # fmt: skip
events = {
    "preview": {
        "action": "created", "repository": own,
        "deployment": {"id": 3, "sha": HEAD, "ref": "topic", "environment": "preview"},
        "deployment_status": {"id": 4, "state": "success", "environment": "preview", "environment_url": f"{url}/preview"},
    },
    "push": {"after": HEAD, "ref": "refs/heads/main", "repository": own},
    "pull": {"action": "opened", "number": 7, "pull_request": pull(own), "repository": own},
    "fork": {"action": "opened", "number": 7, "pull_request": pull(foreign), "repository": own},
    "publish": {"action": "completed", "workflow_run": run, "repository": own},
}  # fmt: skip
for name, event in events.items():
    (folder / f"{name}.json").write_text(json.dumps(event))
