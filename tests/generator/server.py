"""A server that knows the truth: how long each request was in its hands, from the kernel's arrival stamp to the answer.

Usage: server.py PORT
GET /truth answers with count and percentiles (ms) since the last such question; /slow/MS waits so long, anything else
answers at once.
"""
import json
import selectors
import socket
import struct
import sys
import time

SO_TIMESTAMPNS = 35
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def truth(times):
    times.sort()
    at = lambda p: round(times[min(len(times) - 1, int(p * len(times)))] / 1e6, 3) if times else None
    text = json.dumps({"count": len(times), "p50": at(0.50), "p95": at(0.95), "p99": at(0.99)}).encode()
    times.clear()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


def main(port):
    times = []
    waiting = []  # (when, arrived, connection)
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)

    def answer(connection, arrived):
        connection.send(BODY)
        times.append(time.time_ns() - arrived)

    while True:
        now = time.time_ns()
        for due, arrived, connection in [one for one in waiting if one[0] <= now]:
            waiting.remove((due, arrived, connection))
            answer(connection, arrived)
        patience = max(0, min(one[0] for one in waiting) - time.time_ns()) / 1e9 if waiting else None
        for key, _ in selector.select(patience):
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                selector.register(connection, selectors.EVENT_READ)
                continue
            connection = key.fileobj
            try:
                data, ancillary, _, _ = connection.recvmsg(65536, 64)
            except OSError:
                data = b""
            if not data:
                selector.unregister(connection)
                connection.close()
                continue
            arrived = time.time_ns()
            for _, kind, value in ancillary:
                if kind == SO_TIMESTAMPNS:
                    seconds, nanos = struct.unpack("qq", value[:16])
                    arrived = seconds * 10**9 + nanos
            path = data.split(b" ", 2)[1]
            if path == b"/truth":
                connection.send(truth(times))
            elif path.startswith(b"/slow/"):
                waiting.append((arrived + int(float(path[6:]) * 1e6), arrived, connection))
            else:
                answer(connection, arrived)


if __name__ == "__main__":
    main(int(sys.argv[1]))
