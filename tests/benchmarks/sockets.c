/* Both ends of a fan-out, with as little between them and the kernel as there can be.

   sockets send SIZE            a server: accepts WebSockets and answers each line "send COUNT PAUSE_US" on its
                                input by COUNT rounds of one send() per socket, of one ready-made text frame.
   sockets receive PORT PATH COUNT FIRST FRAMES [STALLED]
                                COUNT clients: upgrade, send the text FIRST (unless empty), wait for FRAMES
                                frames, print "ready"; then "expect BYTES" on its input (payload bytes, of all
                                clients together) is answered with "got" when they have come.
                                The last STALLED of them never read after they are ready. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what) { perror(what); exit(1); }

static void many_files(void) {
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
}

static int prefixed(const char *line, const char *word, long *number) {
    size_t n = strlen(word);
    if (strncmp(line, word, n)) return 0;
    *number = atol(line + n);
    return 1;
}

/* Until the empty line that ends the headers; what follows is not read. */
static void read_head(int fd) {
    int seen = 0;
    char c;
    while (seen < 4) {
        ssize_t n = read(fd, &c, 1);
        if (n <= 0) die("the headers did not come");
        seen = c == "\r\n\r\n"[seen] ? seen + 1 : c == '\r';
    }
}

static int server(long size) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    if (bind(listener, (void *)&at, sizeof at) || listen(listener, 4096)) die("listen");
    getsockname(listener, (void *)&at, &length);
    printf("port %d\n", ntohs(at.sin_port));
    fflush(stdout);
    unsigned char *frame = malloc(size + 4);
    long head = size < 126 ? 2 : 4, count = 0, room = 0, total = size + head;
    frame[0] = 0x81;
    if (head == 2) frame[1] = size;
    else frame[1] = 126, frame[2] = size >> 8, frame[3] = size;
    memset(frame + head, 'x', size);
    int *sockets = NULL;
    int epoll = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    e.data.fd = 0;
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &e);
    static char line[256];
    while (epoll_wait(epoll, &ready, 1, -1) > 0) {
        if (ready.data.fd == listener) {
            int fd = accept(listener, NULL, NULL);
            if (fd < 0) die("accept");
            read_head(fd);
            const char *answer = "HTTP/1.1 101 x\r\n\r\n";
            if (write(fd, answer, strlen(answer)) < 0) die("write");
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            fcntl(fd, F_SETFL, O_NONBLOCK);
            if (count == room) sockets = realloc(sockets, (room = room * 2 + 64) * sizeof *sockets);
            sockets[count++] = fd;
            continue;
        }
        ssize_t n = read(0, line, sizeof line - 1);
        long rounds;
        if (n <= 0) return 0;
        line[n] = 0;
        if (!prefixed(line, "send ", &rounds)) continue;
        char *after = strchr(line + 5, ' ');
        long pause = after ? atol(after) : 0;
        for (long r = 0; r < rounds; r++, pause ? usleep(pause) : 0)
            for (long i = 0; i < count; i++)
                if (send(sockets[i], frame, total, MSG_NOSIGNAL) != total) die("send");
        printf("sent\n");
        fflush(stdout);
    }
    return 0;
}

struct peer {
    int fd, got, is_stalled;
    unsigned char head[14];
    unsigned long left, frames;
};

static unsigned long payload_bytes;

/* Count payload bytes and frames of a server, whose frames are not masked. */
static void take(struct peer *p, const unsigned char *at, ssize_t n) {
    while (n > 0) {
        if (p->left) {
            unsigned long part = (unsigned long)n < p->left ? (unsigned long)n : p->left;
            p->left -= part, payload_bytes += part, at += part, n -= part;
            if (!p->left) p->frames++;
            continue;
        }
        p->head[p->got++] = *at++, n--;
        if (p->got < 2) continue;
        int size = p->head[1] & 127, need = size < 126 ? 2 : size == 126 ? 4 : 10;
        if (p->got < need) continue;
        p->left = size;
        if (need > 2) {
            p->left = 0;
            for (int i = 2; i < need; i++) p->left = p->left << 8 | p->head[i];
        }
        p->got = 0;
        if (!p->left) p->frames++;
    }
}

static int connected(int port) {
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) die("socket");
    if (connect(fd, (void *)&at, sizeof at)) die("connect");
    return fd;
}

static int receiver(int port, const char *path, long count, const char *first, unsigned long frames,
                    long stalled) {
    struct peer *peers = calloc(count, sizeof *peers);
    static unsigned char data[1 << 18];
    static char text[16384];
    int epoll = epoll_create1(0);
    for (long i = 0; i < count; i++) {
        struct peer *p = peers + i;
        p->fd = connected(port);
        p->is_stalled = i >= count - stalled;
        int n = snprintf(text, sizeof text,
                         "GET %s HTTP/1.1\r\nHost: localhost:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
                         path, port);
        if (write(p->fd, text, n) != n) die("write");
        read_head(p->fd);
        size_t size = strlen(first);
        if (size) {
            /* A mask of zeros leaves the text as it is. */
            unsigned char frame[256] = {0x81, 0x80 | size};
            memcpy(frame + 6, first, size);
            if (write(p->fd, frame, size + 6) < 0) die("write");
        }
        while (p->frames < frames) {
            ssize_t got = read(p->fd, data, sizeof data);
            if (got <= 0) die("the first frames did not come");
            take(p, data, got);
        }
        fcntl(p->fd, F_SETFL, O_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};
        if (!p->is_stalled) epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &e);
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, ready[512];
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &e);
    printf("ready\n");
    fflush(stdout);
    payload_bytes = 0;
    long expected = -1, closed = 0;
    for (;;) {
        int n = epoll_wait(epoll, ready, 512, -1);
        for (int i = 0; i < n; i++) {
            struct peer *p = ready[i].data.ptr;
            if (!p) {
                ssize_t got = read(0, text, sizeof text - 1);
                if (got <= 0) return 0;
                text[got] = 0;
                prefixed(text, "expect ", &expected);
                continue;
            }
            ssize_t got = read(p->fd, data, sizeof data);
            if (got > 0) take(p, data, got);
            else if (got == 0 || errno != EAGAIN) close(p->fd), closed++;
        }
        if (expected >= 0 && (closed || payload_bytes >= (unsigned long)expected)) {
            printf("got %lu %ld\n", payload_bytes, closed);
            fflush(stdout);
            payload_bytes -= expected;
            expected = -1;
        }
    }
}

int main(int argc, char **argv) {
    many_files();
    if (argc > 2 && !strcmp(argv[1], "send")) return server(atol(argv[2]));
    if (argc > 6 && !strcmp(argv[1], "receive"))
        return receiver(atoi(argv[2]), argv[3], atol(argv[4]), argv[5], atol(argv[6]),
                        argc > 7 ? atol(argv[7]) : 0);
    fprintf(stderr, "see the top of sockets.c\n");
    return 2;
}
