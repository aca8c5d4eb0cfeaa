#!/usr/bin/env python3
"""A small HTTP/1.1 server on a free loopback port, whose answers try to talk to the CI system.

usage: server.py PORT_FILE     (the port is written to PORT_FILE once it listens)
"""

import http.server
import os
import sys

BODY = b"""<!doctype html>
::error title=forged::from the target
##[error]from the target
::set-output name=passed::forged
::stop-commands::forged
"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
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
