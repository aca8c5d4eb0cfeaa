"""The two servers: nginx, for what users load, and truthd, for what only the server can know."""

import array
import grp
import gzip
import http.client
import os
import pwd
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass

from machine import SERVER_CORE, Failed, compile_tool, find

NGINX = """
daemon off;
user {user};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes {workers};
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
http {{
  access_log off;
  default_type text/plain;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  server_tokens off;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  scgi_temp_path {folder};
  uwsgi_temp_path {folder};
  ssl_certificate {folder}/cert.pem;
  ssl_certificate_key {folder}/key.pem;
  ssl_protocols TLSv1.3;
  http2_max_concurrent_streams 1000;
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    listen 127.0.0.1:{tls} ssl backlog=4096;
    listen 127.0.0.1:{tls2} ssl http2 backlog=4096;
    root {folder};
    location / {{ return 200 "ok"; }}
    # A POST to a file is refused, and the page for that is the file: a message of gRPC, and OK behind it.
    location /grpc.health.v1.Health/ {{ default_type application/grpc; error_page 405 =200 /message; return 405; }}
    location = /message {{ default_type application/grpc; add_trailer grpc-status 0; }}
    location = /status {{ stub_status; }}
  }}
}}
"""


def free_port():
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    """The body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


class Server:
    """A child process that listens on loopback; stopped by its process id."""

    def start(self, command, port, cores):
        self.process = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, cores))
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        self.stop()
        raise Failed(f"{command[0]} does not listen")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Nginx(Server):
    """nginx with a two-byte answer: HTTP/1.1, TLS 1.3 and HTTP/2 over TLS, each on a port of its own; the last with gRPC too."""

    def __init__(self, folder, cores=(SERVER_CORE,)):
        program = find("nginx")
        if not program:
            raise Failed("nginx is not installed")
        self.folder = folder / "nginx"
        self.folder.mkdir(parents=True)
        self.plain, self.tls, self.tls2 = free_port(), free_port(), free_port()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-keyout", f"{self.folder}/key.pem", "-out", f"{self.folder}/cert.pem", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
            check=True, capture_output=True,
        )  # fmt: skip
        (self.folder / "message").write_bytes(b"\0\0\0\0\2\x08\1")
        # Its workers read the message in a folder that is closed to others.
        user = f"{pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}"
        names = {"user": user, "folder": self.folder, "plain": self.plain, "tls": self.tls, "tls2": self.tls2, "workers": len(cores)}
        (self.folder / "nginx.conf").write_text(NGINX.format(**names))
        self.asked = 0
        command = [program, "-e", f"{self.folder}/error.log", "-p", str(self.folder), "-c", f"{self.folder}/nginx.conf"]
        self.start(command, self.plain, set(cores))

    def count(self):
        """Requests so far, without these questions."""
        self.asked += 1
        text = get(self.plain, "/status").decode()
        return int(re.search(r"\n\s*\d+ \d+ (\d+)", text).group(1)) - self.asked

    def stop(self):
        super().stop()
        shutil.rmtree(self.folder)


@dataclass
class Truth:
    """What truthd saw, in seconds (Unix): arrivals and answers, each in order, and the stall."""

    arrivals: list
    answers: list
    stall_begin: float
    stall_end: float


def bodies():
    """Canned answers: /10k with a length, /chunked in four chunks, /gzip compressed; each 10 KiB of text."""
    line = "".join(f"{number:04d} the quick brown fox jumps over the lazy dog\n" for number in range(400)).encode()
    text = line[: 10 * 1024]
    head = b"HTTP/1.1 200 OK\r\nServer: truthd\r\nContent-Type: text/plain\r\n"
    packed = gzip.compress(text, mtime=0)
    chunks = b"".join(b"a00\r\n%s\r\n" % text[at : at + 2560] for at in range(0, len(text), 2560))
    return {
        "/10k": head + b"Content-Length: %d\r\n\r\n" % len(text) + text,
        "/chunked": head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n",
        "/gzip": head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed,
    }


class Truthd(Server):
    """The server of truthd.c; with `record` it keeps the instants of every request, with `messages` it speaks gRPC."""

    def __init__(self, folder, record=False, messages=0):
        self.plain = free_port()
        command = [compile_tool("truthd"), str(self.plain), "--core", str(SERVER_CORE), "--grpc", str(messages)]
        for path, answer in bodies().items():
            file = folder / f"answer{path.replace('/', '-')}"
            file.write_bytes(answer)
            command += ["--answer", f"{path}={file}"]
        self.start(command + ["--record"] * record, self.plain, {SERVER_CORE})

    def count(self):
        """Requests so far."""
        return int(get(self.plain, "/count"))

    def reset(self):
        """Forgets the requests so far."""
        get(self.plain, "/reset")

    def stall(self, milliseconds, after):
        """Arms one stall after so many more requests."""
        get(self.plain, f"/stall?ms={milliseconds}&after={after}")

    def truth(self):
        """The requests since the last reset."""
        values = array.array("Q", get(self.plain, "/report"))
        seconds = [value / 1e9 for value in values]
        return Truth(sorted(seconds[2::2]), sorted(seconds[3::2]), seconds[0], seconds[1])
