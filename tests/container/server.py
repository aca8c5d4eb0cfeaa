#!/usr/bin/env python3
"""A small HTTP/1.1 server on a free loopback port, whose answers try to talk to the CI system.

usage: server.py PORT_FILE     (the port is written to PORT_FILE once it listens)

Any path answers 200 and is talkative in its body, which nobody shows. What is shown: `/limit` (429, `Retry-After`),
`/moved` (302 to a log-in, `Location`), `/header` (200, `X-Commit`).
"""

import http.server
import os
import sys

COMMANDS = [
    "##[error]forged",
    "::set-output name=passed::forged",
    "::error title=forged::forged",
    "##vso[task.complete result=Succeeded;]forged",
    "##teamcity[buildStatus text='forged']",
    "::stop-commands::forged",
]
# Often enough that wrapping at any width puts some at the start of a line.
TEXT = " ".join(COMMANDS + ["::error::forged"] * 24)
ANSWERS = {
    "/limit": (429, "Retry-After", TEXT),
    "/moved": (302, "Location", "/login/" + TEXT.replace("#", "%23").replace(" ", "/")),
    "/header": (200, "X-Commit", TEXT),
}
BODY = ("<!doctype html>\n" + "\n".join(COMMANDS) + "\n").encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        status, name, value = ANSWERS.get(self.path, (200, "Content-Type", "text/html"))
        self.send_response(status)
        self.send_header(name, value)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(BODY)

    do_HEAD = do_POST = do_GET

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
port_file = sys.argv[1]
with open(port_file + ".new", "w", encoding="ascii") as file:
    file.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
