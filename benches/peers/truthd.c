/* A web server that knows when each request arrived: the truth that load generators are held against.
 *
 *   truthd PORT [--core N] [--record] [--grpc N] [--answer /PATH=FILE]...
 *
 * One thread, epoll, loopback only, HTTP/1.1 with keep-alive and canned answers; a FILE holds a whole HTTP answer.
 * A connection that opens with the HTTP/2 preface is served h2c: every request gets the same two bytes, and its
 * headers are not even decoded (windows need no care: a client that ever opens its window outpaces such answers).
 * With --grpc that answer is N messages of gRPC, each `08 01` (a serving grpc.health.v1.HealthCheckResponse) in a frame of its
 * own, and OK; these do care for the window of the connection, but not for that of a stream, which holds thousands of them.
 *
 * With --record each request is kept as two instants (CLOCK_REALTIME, ns): when its last segment reached this
 * machine's network stack (SO_TIMESTAMPNS, taken by the kernel, however late this process reads it), and when its
 * answer had been written.
 *
 *   GET /count               requests so far, as text
 *   GET /stall?ms=M&after=N  after N more requests, one stall of M ms: nothing is read or answered
 *   GET /report              binary, native order, unsigned 64 bit: stall begin and end, then two instants per request
 *   GET /reset               forgets all of it
 *
 * These four are never counted. Ends on SIGTERM or SIGINT. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 8192, MAX_ANSWERS = 16, IN = 65536, MOST = 1 << 24, STREAMS = 1024, MESSAGE = 7 };

struct answer { const char *path; char *bytes; size_t length; };
struct instants { uint64_t arrived, answered; };

struct connection {
    int fd, h2;
    uint32_t unread;   /* bytes in `in` */
    char *out;         /* what the socket did not take, from `sent` to `queued` */
    size_t sent, queued, room;
    int64_t window;             /* bytes of DATA that the client still takes on this connection */
    uint32_t first, last;       /* calls that wait for it: the numbers of their streams, in a ring */
    char waiting[STREAMS][4];
    char in[IN];
};

static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static const char TINY[] = "HTTP/1.1 200 OK\r\nServer: truthd\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

static struct answer answers[MAX_ANSWERS];
static int answer_count;
static struct instants *record; /* null: not asked for */
static size_t requests;
static uint64_t stall_at = UINT64_MAX, stall_ms, stall_begin, stall_end;
static struct connection *connections[MAX_CONNECTIONS];
static int poller;
static int messages; /* of a gRPC answer; 0: answers are not of gRPC */

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t nanoseconds(const struct timespec *t) { return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec; }

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return nanoseconds(&t);
}

static void *allocate(size_t size) {
    void *p = malloc(size);
    if (!p) fail("malloc");
    return p;
}

static void queue(struct connection *c, const void *bytes, size_t length) {
    if (c->queued + length > c->room) {
        c->room = (c->queued + length) * 2;
        c->out = realloc(c->out, c->room);
        if (!c->out) fail("realloc");
    }
    memcpy(c->out + c->queued, bytes, length);
    c->queued += length;
}

/* One request is complete: counted, its arrival kept, and the stall begun when it is its turn. */
static void count(uint64_t arrived) {
    if (record && requests < MOST) record[requests] = (struct instants){arrived, 0};
    requests++;
    if (requests < stall_at) return;
    stall_at = UINT64_MAX;
    stall_begin = now();
    struct timespec pause = {(time_t)(stall_ms / 1000), (long)(stall_ms % 1000) * 1000000};
    while (nanosleep(&pause, &pause) && errno == EINTR) {}
    stall_end = now();
}

static void text(struct connection *c, const char *body) {
    char head[256];
    int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                          strlen(body), body);
    queue(c, head, (size_t)length);
}

static void report(struct connection *c) {
    size_t kept = record ? (requests < MOST ? requests : MOST) : 0;
    uint64_t stall[2] = {stall_begin, stall_end};
    char head[128];
    int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                          sizeof stall + kept * sizeof *record);
    queue(c, head, (size_t)length);
    queue(c, stall, sizeof stall);
    if (kept) queue(c, record, kept * sizeof *record);
}

/* Answers the questions about the server itself. */
static int control(struct connection *c, const char *path) {
    char body[32];
    unsigned long long ms, after;
    if (!strncmp(path, "/count ", 7)) {
        snprintf(body, sizeof body, "%zu", requests);
        text(c, body);
    } else if (!strncmp(path, "/report ", 8)) {
        report(c);
    } else if (!strncmp(path, "/reset ", 7)) {
        requests = 0;
        stall_at = UINT64_MAX;
        stall_begin = stall_end = 0;
        text(c, "ok");
    } else if (sscanf(path, "/stall?ms=%llu&after=%llu ", &ms, &after) == 2) {
        stall_ms = ms;
        stall_at = requests + after;
        text(c, "ok");
    } else {
        return 0;
    }
    return 1;
}

static void answer(struct connection *c, const char *path, uint64_t arrived) {
    for (int i = 0; i < answer_count; i++) {
        size_t length = strlen(answers[i].path);
        if (!strncmp(path, answers[i].path, length) && path[length] == ' ') {
            count(arrived);
            queue(c, answers[i].bytes, answers[i].length);
            return;
        }
    }
    if (path[1] != ' ' && control(c, path)) return;
    count(arrived);
    queue(c, TINY, sizeof TINY - 1);
}

/* Answers every whole request in the buffer; requests have no bodies. Returns the bytes used. */
static size_t http1(struct connection *c, uint64_t arrived) {
    size_t used = 0;
    for (;;) {
        char *start = c->in + used, *end = memmem(start, c->unread - used, "\r\n\r\n", 4);
        if (!end) return used;
        char *path = memchr(start, ' ', (size_t)(end - start));
        answer(c, path ? path + 1 : "/ ", arrived);
        used = (size_t)(end + 4 - c->in);
    }
}

static void frame(struct connection *c, uint8_t type, uint8_t flags, const char *stream, const char *body, size_t length) {
    char head[9] = {(char)(length >> 16), (char)(length >> 8), (char)length, (char)type, (char)flags};
    memcpy(head + 5, stream, 4);
    queue(c, head, sizeof head);
    queue(c, body, length);
}

enum { DATA, HEADERS, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8, END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

/* Answers waiting calls while the window of the connection has room. */
static void grpc(struct connection *c) {
    /* :status 200, content-type application/grpc; grpc-status 0 */
    static const char head[] = "\210\17\20\20application/grpc", tail[] = "\0\13grpc-status\1" "0";
    static const char message[MESSAGE] = {0, 0, 0, 0, 2, 8, 1};
    for (; c->first != c->last && c->window >= (int64_t)messages * MESSAGE; c->first++) {
        const char *stream = c->waiting[c->first % STREAMS];
        c->window -= (int64_t)messages * MESSAGE;
        frame(c, HEADERS, END_HEADERS, stream, head, sizeof head - 1);
        for (int i = 0; i < messages; i++) frame(c, DATA, 0, stream, message, MESSAGE);
        frame(c, HEADERS, END_HEADERS | END_STREAM, stream, tail, sizeof tail - 1);
    }
}

/* Answers every whole frame in the buffer. Returns the bytes used, or more than there are: not HTTP/2. */
static size_t http2(struct connection *c, uint64_t arrived) {
    static const char connection_stream[4] = {0};
    /* SETTINGS_MAX_CONCURRENT_STREAMS 1000; :status 200, content-type text/plain, content-length 2 */
    static const char settings[] = "\0\3\0\0\3\350", headers[] = "\210\17\20\12text/plain\17\15\1" "2";
    size_t used = 0;
    if (c->h2 == 1) {
        if (c->unread < sizeof PREFACE - 1) return 0;
        frame(c, SETTINGS, 0, connection_stream, settings, 6);
        frame(c, WINDOW_UPDATE, 0, connection_stream, "\177\377\0\0", 4); /* 2 GB: as much as there can be */
        used = sizeof PREFACE - 1;
        c->h2 = 2;
    }
    while (c->unread - used >= 9) {
        const uint8_t *head = (const uint8_t *)c->in + used;
        size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (length + 9 > IN) return IN + 1;
        if (c->unread - used < 9 + length) break;
        used += 9 + length;
        uint8_t type = head[3], flags = head[4];
        const char *stream = (const char *)head + 5;
        if (messages && (type == HEADERS || type == DATA) && (flags & END_STREAM)) {
            if (c->last - c->first == STREAMS) return IN + 1;
            count(arrived);
            memcpy(c->waiting[c->last++ % STREAMS], stream, 4);
            grpc(c);
        } else if (messages && type == WINDOW_UPDATE && !memcmp(stream, connection_stream, 4)) {
            c->window += (int64_t)(head[9] & 127) << 24 | head[10] << 16 | head[11] << 8 | head[12];
            grpc(c);
        } else if ((type == HEADERS || type == DATA) && (flags & END_STREAM)) {
            count(arrived);
            frame(c, HEADERS, END_HEADERS, stream, headers, sizeof headers - 1);
            frame(c, DATA, END_STREAM, stream, "ok", 2);
        } else if ((type == SETTINGS || type == PING) && !(flags & ACK)) {
            frame(c, type, ACK, stream, (const char *)head + 9, type == PING ? length : 0);
        }
    }
    return used;
}

static void drop(struct connection *c) {
    connections[c->fd] = NULL;
    close(c->fd);
    free(c->out);
    free(c);
}

/* Writes what is queued; returns 0 when the connection is gone. */
static int flush(struct connection *c) {
    while (c->sent < c->queued) {
        ssize_t n = send(c->fd, c->out + c->sent, c->queued - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return 0;
        if (n < 0) {
            struct epoll_event event = {EPOLLOUT, {.fd = c->fd}};
            epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
            return 1;
        }
        c->sent += (size_t)n;
    }
    c->sent = c->queued = 0;
    return 1;
}

/* Reads as much as there is, with the kernel's instant of its last segment; -1 when the connection is gone. */
static ssize_t receive(struct connection *c, uint64_t *arrived) {
    char space[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec part = {c->in + c->unread, IN - c->unread};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (record) {
        message.msg_control = space;
        message.msg_controllen = sizeof space;
    }
    ssize_t n = recvmsg(c->fd, &message, 0);
    if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
    *arrived = 0;
    if (!record) return n;
    for (struct cmsghdr *m = CMSG_FIRSTHDR(&message); m; m = CMSG_NXTHDR(&message, m)) {
        if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_TIMESTAMPNS) continue;
        struct timespec stamp;
        memcpy(&stamp, CMSG_DATA(m), sizeof stamp);
        *arrived = nanoseconds(&stamp);
    }
    if (!*arrived) *arrived = now();
    return n;
}

static void serve(struct connection *c, uint32_t events) {
    if (events & EPOLLOUT) {
        struct epoll_event event = {EPOLLIN, {.fd = c->fd}};
        epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
        if (!flush(c)) drop(c);
        return;
    }
    uint64_t arrived = 0;
    ssize_t n = receive(c, &arrived);
    if (n == 0) return;
    if (n < 0) {
        drop(c);
        return;
    }
    c->unread += (uint32_t)n;
    if (!c->h2 && c->unread >= 3 && !memcmp(c->in, PREFACE, 3)) c->h2 = 1;
    size_t first = requests, used = c->h2 ? http2(c, arrived) : http1(c, arrived);
    if (used > c->unread || (!used && c->unread == IN)) {
        drop(c);
        return;
    }
    c->unread -= (uint32_t)used;
    memmove(c->in, c->in + used, c->unread);
    if (!flush(c)) {
        drop(c);
        return;
    }
    if (!record || first >= requests) return;
    uint64_t answered = now();
    for (size_t i = first; i < requests && i < MOST; i++) record[i].answered = answered;
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_CONNECTIONS) {
            close(fd);
            continue;
        }
        struct connection *c = allocate(sizeof *c);
        memset(c, 0, sizeof *c - IN);
        c->fd = fd;
        c->window = 65535;
        connections[fd] = c;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {EPOLLIN, {.fd = fd}};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0) fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Connections inherit it, so that requests are stamped that arrive before they are accepted. */
    if (record && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on)) fail("SO_TIMESTAMPNS");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&address, sizeof address)) fail("bind");
    if (listen(fd, 4096)) fail("listen");
    struct epoll_event event = {EPOLLIN, {.fd = fd}};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
    return fd;
}

static void load(char *argument) {
    char *file = strchr(argument, '=');
    if (!file || answer_count == MAX_ANSWERS) {
        fprintf(stderr, "truthd: --answer needs /PATH=FILE, at most %d times\n", MAX_ANSWERS);
        exit(2);
    }
    *file++ = 0;
    FILE *f = fopen(file, "rb");
    if (!f || fseek(f, 0, SEEK_END)) fail(file);
    long size = ftell(f);
    rewind(f);
    struct answer *a = &answers[answer_count++];
    *a = (struct answer){argument, allocate((size_t)size), (size_t)size};
    if (fread(a->bytes, 1, a->length, f) != a->length) fail(file);
    fclose(f);
}

static void pin(const char *core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)atoi(core), &set);
    if (sched_setaffinity(0, sizeof set, &set)) fail("sched_setaffinity");
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: truthd PORT [--core N] [--record] [--grpc N] [--answer /PATH=FILE]...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--record")) {
            record = mmap(NULL, MOST * sizeof *record, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (record == MAP_FAILED) fail("mmap");
        } else if (i + 1 < argc && !strcmp(argv[i], "--core")) {
            pin(argv[++i]);
        } else if (i + 1 < argc && !strcmp(argv[i], "--grpc")) {
            messages = atoi(argv[++i]);
        } else if (i + 1 < argc && !strcmp(argv[i], "--answer")) {
            load(argv[++i]);
        } else {
            fprintf(stderr, "truthd: unknown argument %s\n", argv[i]);
            return 2;
        }
    }
    poller = epoll_create1(0);
    if (poller < 0) fail("epoll_create1");
    int listener = listen_on(atoi(argv[1]));
    struct epoll_event events[1024];
    for (;;) {
        int n = epoll_wait(poller, events, 1024, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) accept_all(listener);
            else if (connections[fd]) serve(connections[fd], events[i].events);
        }
    }
}
