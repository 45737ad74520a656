/*
 * The load generator in C: its service, and the clients of the tests with small operations.
 *
 *     native serve 127.0.0.1:9000
 *     native ping 127.0.0.1:9000 --connections 32 --size 64 --seconds 3
 *
 * The modes are serve, conn, ping, http, httpclose and udp. They do what the modes of bench/loadgen.py with the same
 * names do, and print the same figures as one line of JSON. They take a small part of the processor time, so that
 * more of it is left for the tunnel. Linux only: one thread and one epoll descriptor.
 *
 * The parts, in this order: what both sides use; the service; the clients; the command line.
 */

#define _GNU_SOURCE /* memmem, accept4, recvmmsg */

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---------------------------------------------------------------- both sides */

/* Bytes of the data that are sent, and of one read. */
#define CHUNK (1 << 18)
/* Events taken from epoll at a time. */
#define EVENTS 256
/* The end of the head of a request or a response. */
#define HEAD_END "\r\n\r\n"
#define HEAD_END_SIZE 4

/* What is sent: set once by fill_payload. */
static char payload[CHUNK];

/* A descriptor in epoll, and what is called when something happened to it. It is the first member of its owner. */
struct watch {
    int poller; /* the epoll descriptor */
    int fd;
    uint32_t events; /* that epoll watches for */
    void (*ready)(struct watch *watch, uint32_t events);
};

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* End the program with a message. */
static void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("native: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* Memory, or the end of the program. */
static void *allocate(void *old, size_t size)
{
    void *memory = realloc(old, size);

    if (memory == NULL)
        die("no memory for %zu bytes", size);
    return memory;
}

/* Seconds from some fixed moment. */
static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Random and constant stretches by turns, which compress to about a half, as in bench/payload.py. */
static void fill_payload(void)
{
    const size_t stretch = 512;
    uint64_t random = 1;

    for (size_t i = 0; i < sizeof payload; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        payload[i] = i / stretch % 2 == 0 ? (char)(random >> 56) : 0;
    }
}

/* Begin to watch a descriptor. */
static void watch_start(struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    watch->events = events;
    if (epoll_ctl(watch->poller, EPOLL_CTL_ADD, watch->fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

/* Watch for other events than before. */
static void watch_change(struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (watch->events == events)
        return;
    watch->events = events;
    if (epoll_ctl(watch->poller, EPOLL_CTL_MOD, watch->fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

/* Wait for events, at most so many milliseconds (-1: without end), and handle them. A descriptor is at most once in a
 * batch, so its owner may free itself when it is called. */
static void watch_turn(int poller, int milliseconds)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, milliseconds);

    if (count < 0 && errno != EINTR)
        die("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        watch->ready(watch, events[i].events);
    }
}

static int new_poller(void)
{
    int poller = epoll_create1(EPOLL_CLOEXEC);

    if (poller < 0)
        die("epoll_create1: %s", strerror(errno));
    return poller;
}

/* Set a socket option to a number. One that the system refuses changes the speed at most. */
static void set_option(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

/* Whether a call on a non-blocking socket only has to be made again later. */
static bool is_early(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Bytes of the head that data begin with, its end included; 0 while it is not whole. */
static size_t head_length(const char *data, size_t size)
{
    const char *end = memmem(data, size, HEAD_END, HEAD_END_SIZE);

    return end == NULL ? 0 : (size_t)(end - data) + HEAD_END_SIZE;
}

/* The value of a field in a whole head, or NULL. The name ends with its colon. */
static const char *find_field(const char *head, size_t size, const char *name)
{
    const char *end = head + size - HEAD_END_SIZE;
    size_t length = strlen(name);

    for (const char *line = head; (line = memchr(line, '\n', (size_t)(end - line))) != NULL;) {
        line++;
        if (strncasecmp(line, name, length) == 0) { /* stops at the end of the head at the latest */
            line += length;
            return line + strspn(line, " ");
        }
    }
    return NULL;
}

/* Read a number of bytes; false if there is none or it has more than 18 digits. */
static bool read_size(const char *digits, uint64_t *size)
{
    size_t count = strspn(digits, "0123456789");

    if (count == 0 || count > 18)
        return false;
    *size = strtoull(digits, NULL, 10);
    return true;
}

/* ---------------------------------------------------------------- the service */

/* Connections that wait to be accepted, and those accepted in one turn. */
#define BACKLOG 4096
#define ACCEPTED_AT_ONCE 64
/* Bytes of a request's head or a TLS record that may wait for their rest. */
#define EARLY_LIMIT (1 << 17)
/* Bytes of an answer's head. */
#define ANSWER_HEAD 256
/* Seconds between two reports of a sink. Each is the count so far, in eight bytes, big-endian. */
#define REPORT_EVERY 0.02
/* Bytes of a TLS record before its body; the last two are the body's length. */
#define RECORD_HEAD 5
/* A source has always this much to send. */
#define ENDLESS UINT64_MAX
/* Bytes of a datagram, datagrams read at one wake-up, and bytes of the kernel's buffers: what the kernel drops would
 * count as lost by the tunnel. */
#define DATAGRAM_LIMIT 65535
#define DATAGRAM_BATCH 64
#define DATAGRAM_BUFFER (4 << 20)

struct peer;

/* What a connection does with bytes that came: how many it used, 0 if it needs more first, or -1 to end it. */
typedef ssize_t behaviour(struct peer *peer, const char *data, size_t size);

/* A connection of the service. */
struct peer {
    struct watch watch;
    behaviour *behave;
    char *early; /* came, but needs its rest or its turn first; at most EARLY_LIMIT + CHUNK */
    size_t early_size;
    char *unsent; /* what the kernel did not take at once; at most ANSWER_HEAD + CHUNK */
    size_t unsent_size;
    uint64_t outgoing; /* bytes of the payload that follow the unsent ones */
    size_t place;      /* of the next of them in the payload */
    uint64_t incoming; /* bytes of a request's body still to come */
    uint64_t swallowed;
    double reported; /* when a sink sent its last report */
    bool ending;     /* ends once everything is sent */
};

/* What is read, after what came early. */
static char input[EARLY_LIMIT + CHUNK];

static behaviour choose;

static void peer_free(struct peer *peer)
{
    close(peer->watch.fd);
    free(peer->early);
    free(peer->unsent);
    free(peer);
}

/* Send, and keep what the kernel does not take; false if the connection is lost. */
static bool say(struct peer *peer, const char *data, size_t size)
{
    ssize_t sent = send(peer->watch.fd, data, size, MSG_NOSIGNAL);

    if (sent < 0 && !is_early())
        return false;
    if (sent < 0)
        sent = 0;
    peer->unsent_size = size - (size_t)sent;
    if (peer->unsent_size > 0) {
        peer->unsent = allocate(NULL, peer->unsent_size);
        memcpy(peer->unsent, data + sent, peer->unsent_size);
    }
    return true;
}

/* Send what was kept; false if the connection is lost. */
static bool send_unsent(struct peer *peer)
{
    char *kept = peer->unsent;
    bool alive;

    peer->unsent = NULL;
    alive = say(peer, kept, peer->unsent_size);
    free(kept);
    return alive;
}

/* Send the next piece of the payload; false if the connection is lost. */
static bool send_payload(struct peer *peer)
{
    size_t size = CHUNK - peer->place;
    ssize_t sent;

    if (size > peer->outgoing)
        size = (size_t)peer->outgoing;
    sent = send(peer->watch.fd, payload + peer->place, size, MSG_NOSIGNAL);
    if (sent < 0)
        return is_early();
    peer->place = (peer->place + (size_t)sent) % CHUNK;
    if (peer->outgoing != ENDLESS)
        peer->outgoing -= (uint64_t)sent;
    return true;
}

static ssize_t echo(struct peer *peer, const char *data, size_t size)
{
    return say(peer, data, size) ? (ssize_t)size : -1;
}

static ssize_t sink(struct peer *peer, const char *data, size_t size)
{
    double time = now();

    (void)data;
    peer->swallowed += size;
    if (time - peer->reported > REPORT_EVERY) {
        uint64_t report = htobe64(peer->swallowed);
        peer->reported = time;
        if (!say(peer, (const char *)&report, sizeof report))
            return -1;
    }
    return (ssize_t)size;
}

/* What comes to a source has no meaning. */
static ssize_t ignore(struct peer *peer, const char *data, size_t size)
{
    (void)peer;
    (void)data;
    return (ssize_t)size;
}

/* Pass over a TLS record; what follows it chooses. */
static ssize_t hello(struct peer *peer, const char *data, size_t size)
{
    size_t record;

    if (size < RECORD_HEAD)
        return 0;
    record = RECORD_HEAD + ((size_t)(unsigned char)data[3] << 8) + (unsigned char)data[4];
    if (size < record)
        return 0;
    peer->behave = choose;
    return (ssize_t)record;
}

/* Answer with so many bytes of the payload. */
static bool answer(struct peer *peer, uint64_t size)
{
    static char text[ANSWER_HEAD + CHUNK];
    int head = snprintf(text, ANSWER_HEAD,
                        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
                        "Content-Length: %llu\r\n\r\n",
                        (unsigned long long)size);
    size_t first = size < CHUNK ? (size_t)size : CHUNK; /* bytes that go with the head */

    memcpy(text + head, payload, first);
    peer->outgoing = size - first;
    peer->place = 0;
    return say(peer, text, (size_t)head + first);
}

/* Answer a POST: as a server plugin does that changes nothing. */
static bool let_pass(struct peer *peer)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                               "Content-Type: application/json\r\nContent-Length: 17\r\n\r\n"
                               "{\"unchange\":true}";

    return say(peer, text, sizeof text - 1);
}

/* Take a part of a request's body; its last byte is answered. */
static ssize_t swallow_body(struct peer *peer, size_t size)
{
    if (size > peer->incoming)
        size = (size_t)peer->incoming;
    peer->incoming -= size;
    if (peer->incoming == 0 && !let_pass(peer))
        return -1;
    return (ssize_t)size;
}

/* Requests: GET /N gets N bytes, POST the answer of a plugin once its body is here. */
static ssize_t web(struct peer *peer, const char *data, size_t size)
{
    const char *field;
    uint64_t length;
    size_t head;

    if (peer->incoming > 0)
        return swallow_body(peer, size);
    head = head_length(data, size);
    if (head == 0)
        return 0;
    if (strncmp(data, "GET /", 5) == 0) {
        if (!read_size(data + 5, &length))
            return -1;
        field = find_field(data, head, "Connection:");
        peer->ending = field != NULL && strncasecmp(field, "close\r", 6) == 0;
        return answer(peer, length) ? (ssize_t)head : -1;
    }
    field = find_field(data, head, "Content-Length:");
    if (field == NULL || !read_size(field, &peer->incoming))
        return -1;
    if (peer->incoming == 0 && !let_pass(peer))
        return -1;
    return (ssize_t)head;
}

/* The first byte of a connection says what it does. */
static ssize_t choose(struct peer *peer, const char *data, size_t size)
{
    (void)size;
    switch (*data) {
    case 'e':
        peer->behave = echo;
        return 1;
    case 's':
        peer->behave = sink;
        return 1;
    case 'g':
        peer->behave = ignore;
        peer->outgoing = ENDLESS;
        return 1;
    case 'G':
    case 'P':
        peer->behave = web;
        return web(peer, data, size);
    case 0x16: /* a TLS record with a part of a handshake */
        peer->behave = hello;
        return hello(peer, data, size);
    default:
        return -1;
    }
}

/* Whether the peer must take what it is sent before it is read from. A source is read from all the time, for the end
 * of the connection. */
static bool is_blocked(const struct peer *peer)
{
    return peer->unsent_size > 0 || (peer->outgoing > 0 && peer->behave != ignore);
}

/* Keep bytes for later, instead of those kept before; false if they are too many. */
static bool keep_early(struct peer *peer, const char *data, size_t size)
{
    if (size > EARLY_LIMIT && !is_blocked(peer))
        return false;
    free(peer->early);
    peer->early = NULL;
    peer->early_size = size;
    if (size > 0) {
        peer->early = allocate(NULL, size);
        memcpy(peer->early, data, size);
    }
    return true;
}

/* Do with bytes what the connection does; false if it ends at once. */
static bool use(struct peer *peer, const char *data, size_t size)
{
    while (size > 0 && !peer->ending && !is_blocked(peer)) {
        ssize_t used = peer->behave(peer, data, size);
        if (used < 0)
            return false;
        if (used == 0)
            break;
        data += used;
        size -= (size_t)used;
    }
    return keep_early(peer, data, size);
}

/* Read once; false if the connection is over. */
static bool peer_read(struct peer *peer)
{
    size_t early = peer->early_size; /* at most EARLY_LIMIT, because the peer is not blocked */
    ssize_t got = recv(peer->watch.fd, input + early, CHUNK, 0);

    if (got < 0)
        return is_early();
    if (got == 0)
        return false;
    if (early > 0)
        memcpy(input, peer->early, early);
    return use(peer, input, early + (size_t)got);
}

/* Send once, and go on with what came early if that was all; false if the connection is over. */
static bool peer_write(struct peer *peer)
{
    bool alive = true;

    if (peer->unsent_size > 0)
        alive = send_unsent(peer);
    else if (peer->outgoing > 0)
        alive = send_payload(peer);
    if (!alive || is_blocked(peer) || peer->early_size == 0)
        return alive;
    memcpy(input, peer->early, peer->early_size);
    return use(peer, input, peer->early_size);
}

static void peer_ready(struct watch *watch, uint32_t events)
{
    struct peer *peer = (struct peer *)watch;
    bool alive = true;
    uint32_t wanted = 0;

    if (events & ~(uint32_t)EPOLLIN) /* an error shows at the next call */
        alive = peer_write(peer);
    if (alive && !is_blocked(peer) && (events & ~(uint32_t)EPOLLOUT))
        alive = peer_read(peer);
    if (alive && !is_blocked(peer))
        wanted |= EPOLLIN;
    if (alive && (peer->unsent_size > 0 || peer->outgoing > 0))
        wanted |= EPOLLOUT;
    if (!alive || (peer->ending && !(wanted & EPOLLOUT)))
        peer_free(peer);
    else
        watch_change(watch, wanted);
}

static void listener_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct peer *peer;

        if (fd < 0)
            return; /* no more; without a free descriptor they wait in the backlog */
        peer = allocate(NULL, sizeof *peer);
        *peer = (struct peer){.watch = {.poller = watch->poller, .fd = fd, .ready = peer_ready}, .behave = choose};
        watch_start(&peer->watch, EPOLLIN);
    }
}

/* Send datagrams back to where they came from. Without room for an answer it is lost, as datagrams may be. */
static void datagrams_ready(struct watch *watch, uint32_t events)
{
    static char data[DATAGRAM_BATCH][DATAGRAM_LIMIT];
    struct sockaddr_in from[DATAGRAM_BATCH];
    struct iovec parts[DATAGRAM_BATCH];
    struct mmsghdr messages[DATAGRAM_BATCH];
    int count;

    (void)events;
    for (int i = 0; i < DATAGRAM_BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = data[i], .iov_len = DATAGRAM_LIMIT};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    count = recvmmsg(watch->fd, messages, DATAGRAM_BATCH, 0, NULL);
    for (int i = 0; i < count; i++)
        parts[i].iov_len = messages[i].msg_len;
    if (count > 0)
        (void)sendmmsg(watch->fd, messages, (unsigned)count, 0);
}

/* A non-blocking socket that is bound to an address. */
static int bound_socket(const struct sockaddr_in *address, int type)
{
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket: %s", strerror(errno));
    if (type == SOCK_STREAM)
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        die("bind: %s", strerror(errno));
    return fd;
}

static void serve(const struct sockaddr_in *address) __attribute__((noreturn));

/* Serve TCP and UDP until the program is ended; says so on standard output once it does. */
static void serve(const struct sockaddr_in *address)
{
    int poller = new_poller();
    struct watch listener = {
        .poller = poller, .fd = bound_socket(address, SOCK_STREAM), .ready = listener_ready};
    struct watch datagrams = {
        .poller = poller, .fd = bound_socket(address, SOCK_DGRAM), .ready = datagrams_ready};

    set_option(listener.fd, IPPROTO_TCP, TCP_NODELAY, 1); /* its connections inherit it */
    set_option(datagrams.fd, SOL_SOCKET, SO_RCVBUF, DATAGRAM_BUFFER);
    set_option(datagrams.fd, SOL_SOCKET, SO_SNDBUF, DATAGRAM_BUFFER);
    if (listen(listener.fd, BACKLOG) < 0)
        die("listen: %s", strerror(errno));
    watch_start(&listener, EPOLLIN);
    watch_start(&datagrams, EPOLLIN);
    puts("ready");
    fflush(stdout);
    for (;;)
        watch_turn(poller, -1);
}

/* ---------------------------------------------------------------- the clients */

/* Connections or sockets at the same time. */
#define CONNECTIONS_LIMIT 10000
/* Bytes of a message of ping and udp: the largest datagram of IPv4. */
#define MESSAGE_LIMIT 65507
/* Bytes of a request. */
#define REQUEST_LIMIT 256
/* Bytes of the head of a response. */
#define RESPONSE_HEAD_LIMIT 4096
/* Answers at the start of a connection that are not timed: the first ones pay for dialling the far end. */
#define WARM_UP 20
/* Times that are kept for the percentiles (128 MiB). Later answers count, too. */
#define TIMES_LIMIT (1 << 24)
/* Seconds an answer gets, over TCP and over UDP; between two searches for late ones. */
#define PATIENCE 15.0
#define DATAGRAM_PATIENCE 0.2
#define SEARCH_EVERY 0.05
/* Milliseconds until a user whose connection failed tries again. */
#define RETRY_MS 10
/* Bytes of the text about the first error. */
#define REASON_LIMIT 160

/* What an answer is after some bytes of it. */
enum verdict { MORE, WHOLE, WRONG };

struct user;

/* A kind of traffic. */
struct mode {
    const char *name;
    int type;         /* of the sockets */
    bool fresh;       /* a new connection for each message */
    unsigned warm_up; /* answers of a connection that are not timed */
    double patience;  /* seconds an answer gets */
    size_t once;      /* bytes at the start of the message that only the first one of a connection has */
    enum verdict (*judge)(struct user *user, const char *data, size_t size);
};

/* One run of a mode. */
struct load {
    const struct mode *mode;
    struct sockaddr_in address;
    int poller;
    char message[MESSAGE_LIMIT + 1]; /* one byte for the service to choose by */
    size_t message_size;
    size_t idle; /* users without a connection */
    uint64_t answers, errors, sent, lost;
    double *times; /* seconds; at most TIMES_LIMIT */
    size_t times_count, times_space;
    char reason[REASON_LIMIT]; /* of the first error */
};

/* One of the users that send at the same time. */
struct user {
    struct watch watch; /* its descriptor is -1 without a connection */
    struct load *load;
    double start;     /* of the connection or the message */
    size_t said;      /* bytes of the message that are sent */
    uint64_t got;     /* bytes of the answer so far */
    uint64_t whole;   /* bytes of a whole response; 0 until its head is known */
    unsigned answers; /* on this connection */
    size_t head_size;
    char head[RESPONSE_HEAD_LIMIT]; /* the beginning of the first response */
};

/* What is read. */
static char received[CHUNK];

/* Note the first error's cause. */
static void note(struct load *load, const char *reason, const char *data, size_t size)
{
    if (load->reason[0] != '\0')
        return;
    size = strnlen(data, size);
    size = size < REASON_LIMIT / 2 ? size : REASON_LIMIT / 2;
    snprintf(load->reason, REASON_LIMIT, "%s%.*s", reason, (int)size, data);
    load->reason[strcspn(load->reason, "\r\n")] = '\0';
}

/* Forget the connection. It is reset, because tens of thousands in TIME_WAIT would use up the ports. */
static void hang_up(struct user *user)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (user->load->mode->type == SOCK_STREAM)
        (void)setsockopt(user->watch.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(user->watch.fd);
    user->watch.fd = -1;
}

/* Count an error. The user gets a new connection in the next turn. */
static void fail(struct user *user)
{
    struct load *load = user->load;

    load->errors++;
    if (load->mode->type == SOCK_DGRAM)
        load->lost++;
    load->idle++;
    hang_up(user);
}

/* Send what is left of the message, and wait for the answer. */
static void speak(struct user *user)
{
    struct load *load = user->load;
    ssize_t sent = send(user->watch.fd, load->message + user->said, load->message_size - user->said, MSG_NOSIGNAL);

    if (sent < 0 && !is_early()) {
        note(load, "send: ", strerror(errno), REASON_LIMIT);
        fail(user);
        return;
    }
    if (sent > 0)
        user->said += (size_t)sent;
    watch_change(&user->watch, user->said < load->message_size ? EPOLLOUT : EPOLLIN);
}

/* Begin the next message. */
static void next_message(struct user *user, double time, size_t from)
{
    user->start = time;
    user->said = from;
    user->got = 0;
    user->load->sent++;
    speak(user);
}

/* Connect, and send the first message. On the loopback address it is connected at once. */
static void dial(struct user *user)
{
    struct load *load = user->load;
    double time = now();
    int fd = socket(AF_INET, load->mode->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket: %s", strerror(errno));
    if (load->mode->type == SOCK_STREAM && !load->mode->fresh)
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    user->watch.fd = fd;
    user->answers = 0;
    user->whole = 0;
    user->head_size = 0;
    if (connect(fd, (struct sockaddr *)&load->address, sizeof load->address) < 0 && errno != EINPROGRESS) {
        note(load, "connect: ", strerror(errno), REASON_LIMIT);
        fail(user);
        return;
    }
    watch_start(&user->watch, EPOLLIN);
    next_message(user, time, 0);
}

/* Keep a time for the percentiles. */
static void keep_time(struct load *load, double seconds)
{
    if (load->times_count == TIMES_LIMIT)
        return;
    if (load->times_count == load->times_space) {
        load->times_space = load->times_space == 0 ? 1024 : 2 * load->times_space;
        load->times = allocate(load->times, load->times_space * sizeof *load->times);
    }
    load->times[load->times_count++] = seconds;
}

/* An answer is whole: count it, and send again. */
static void finish(struct user *user)
{
    struct load *load = user->load;
    double time = now();

    load->answers++;
    if (user->answers++ >= load->mode->warm_up)
        keep_time(load, time - user->start);
    if (load->mode->fresh) {
        hang_up(user);
        dial(user);
    } else {
        next_message(user, time, load->mode->once);
    }
}

/* An answer that is the message again. */
static enum verdict judge_echo(struct user *user, const char *data, size_t size)
{
    const struct load *load = user->load;
    uint64_t whole = load->message_size - load->mode->once;

    (void)data;
    user->got += size;
    return user->got < whole ? MORE : user->got == whole ? WHOLE : WRONG;
}

/* Find the length of the response in its head: MORE while the head is not whole, WHOLE once it is. */
static enum verdict learn_length(struct user *user, const char *data, size_t size)
{
    size_t space = RESPONSE_HEAD_LIMIT - user->head_size;
    size_t added = size < space ? size : space;
    const char *field;
    size_t head;

    memcpy(user->head + user->head_size, data, added);
    user->head_size += added;
    head = head_length(user->head, user->head_size);
    if (head == 0)
        return user->head_size < RESPONSE_HEAD_LIMIT ? MORE : WRONG;
    field = find_field(user->head, head, "Content-Length:");
    if (field == NULL || !read_size(field, &user->whole))
        return WRONG;
    user->whole += head;
    return WHOLE;
}

/* An answer that is a response with status 200. All responses of a connection have the same length. */
static enum verdict judge_response(struct user *user, const char *data, size_t size)
{
    static const char good[] = "HTTP/1.1 200 ";

    if (user->got == 0 && (size < sizeof good - 1 || memcmp(data, good, sizeof good - 1) != 0))
        return WRONG;
    user->got += size;
    if (user->whole == 0) {
        enum verdict known = learn_length(user, data, size);
        if (known != WHOLE)
            return known;
    }
    return user->got < user->whole ? MORE : user->got == user->whole ? WHOLE : WRONG;
}

/* Read once, and judge what came. */
static void hear(struct user *user)
{
    struct load *load = user->load;
    ssize_t got = recv(user->watch.fd, received, sizeof received, 0);

    if (got < 0 && is_early())
        return;
    if (got <= 0) {
        note(load, "lost: ", got == 0 ? "closed by the peer" : strerror(errno), REASON_LIMIT);
        fail(user);
        return;
    }
    switch (load->mode->judge(user, received, (size_t)got)) {
    case MORE:
        break;
    case WHOLE:
        finish(user);
        break;
    case WRONG:
        note(load, "wrong answer: ", received, (size_t)got);
        fail(user);
        break;
    }
}

static void user_ready(struct watch *watch, uint32_t events)
{
    struct user *user = (struct user *)watch;

    (void)events; /* an error shows at the next call */
    if (user->said < user->load->message_size)
        speak(user);
    else
        hear(user);
}

/* Connect the users that have no connection. */
static void dial_idle(struct load *load, struct user *users, size_t count)
{
    if (load->idle == 0)
        return;
    load->idle = 0;
    for (size_t i = 0; i < count; i++)
        if (users[i].watch.fd < 0)
            dial(&users[i]);
}

/* Give up the messages whose answers are late: a datagram is lost, a connection failed. */
static void give_up_late(struct load *load, struct user *users, size_t count, double time)
{
    for (size_t i = 0; i < count; i++) {
        struct user *user = &users[i];
        if (user->watch.fd < 0 || time - user->start <= load->mode->patience)
            continue;
        if (load->mode->type == SOCK_DGRAM) {
            load->lost++;
            next_message(user, time, 0);
        } else {
            note(load, "no answer", "", 0);
            fail(user);
        }
    }
}

/* Have the users send for some seconds; how many it were. */
static double run_users(struct load *load, struct user *users, size_t count, double seconds)
{
    double start = now(), time = start, searched = start;

    load->idle = count;
    while (time < start + seconds) {
        dial_idle(load, users, count);
        watch_turn(load->poller, RETRY_MS);
        time = now();
        if (time - searched > SEARCH_EVERY) {
            searched = time;
            give_up_late(load, users, count, time);
        }
    }
    for (size_t i = 0; i < count; i++)
        if (users[i].watch.fd >= 0)
            hang_up(&users[i]);
    return time - start;
}

static int compare_times(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* The figures, with the names of bench/loadgen.py. */
static void print_figures(struct load *load, size_t connections, double elapsed)
{
    static const int shares[] = {50, 90, 99};

    printf("{\"mode\": \"%s\", \"connections\": %zu", load->mode->name, connections);
    printf(", \"per_s\": %.3f, \"elapsed_s\": %.6f", (double)load->answers / elapsed, elapsed);
    printf(", \"errors\": %llu", (unsigned long long)load->errors);
    if (load->mode->type == SOCK_DGRAM)
        printf(", \"sent\": %llu, \"lost\": %llu", (unsigned long long)load->sent, (unsigned long long)load->lost);
    if (load->times_count > 0) {
        qsort(load->times, load->times_count, sizeof *load->times, compare_times);
        for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
            size_t place = (load->times_count - 1) * (size_t)shares[i] / 100;
            printf(", \"p%d_us\": %.3f", shares[i], load->times[place] * 1e6);
        }
    }
    puts("}");
}

/* Run a mode, and print its figures; the cause of the first error goes to standard error. */
static void run_load(struct load *load, size_t connections, double seconds)
{
    struct user *users = allocate(NULL, connections * sizeof *users);
    double elapsed;

    load->poller = new_poller();
    for (size_t i = 0; i < connections; i++)
        users[i] = (struct user){.watch = {.poller = load->poller, .fd = -1, .ready = user_ready}, .load = load};
    elapsed = run_users(load, users, connections, seconds);
    print_figures(load, connections, elapsed);
    if (load->reason[0] != '\0')
        fprintf(stderr, "native: %s: first error: %s\n", load->mode->name, load->reason);
    free(load->times);
    free(users);
}

/* ---------------------------------------------------------------- the command line */

static const struct mode modes[] = {
    {"conn", SOCK_STREAM, true, 0, PATIENCE, 1, judge_echo},
    {"ping", SOCK_STREAM, false, WARM_UP, PATIENCE, 1, judge_echo},
    {"http", SOCK_STREAM, false, WARM_UP, PATIENCE, 0, judge_response},
    {"httpclose", SOCK_STREAM, true, 0, PATIENCE, 0, judge_response},
    {"udp", SOCK_DGRAM, false, 0, DATAGRAM_PATIENCE, 0, judge_echo},
};

struct options {
    const char *mode;
    struct sockaddr_in address;
    size_t connections, size;
    double seconds;
};

/* Read a whole number within its limits, or end the program. */
static size_t parse_number(const char *name, const char *text, long least, long most)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end == text || *end != '\0' || number < least || number > most)
        die("--%s: %s: not a number from %ld to %ld", name, text, least, most);
    return (size_t)number;
}

static double parse_seconds(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds > 0))
        die("--seconds: %s: not a number above 0", text);
    return seconds;
}

/* Read HOST:PORT with an IPv4 address. */
static struct sockaddr_in parse_address(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN] = "";
    const char *colon = strrchr(text, ':');

    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        die("%s: not an IPv4 address and a port", text);
    memcpy(host, text, (size_t)(colon - text));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        die("%s: not an IPv4 address", host);
    address.sin_port = htons((uint16_t)parse_number("port", colon + 1, 1, 65535));
    return address;
}

static struct options parse_options(int count, char **arguments)
{
    static const struct option known[] = {
        {"connections", required_argument, NULL, 'c'},
        {"size", required_argument, NULL, 's'},
        {"seconds", required_argument, NULL, 't'},
        {0},
    };
    struct options options = {.connections = 1, .size = 64, .seconds = 3};
    int found;

    while ((found = getopt_long(count, arguments, "", known, NULL)) != -1) {
        if (found == 'c')
            options.connections = parse_number("connections", optarg, 1, CONNECTIONS_LIMIT);
        else if (found == 's')
            options.size = parse_number("size", optarg, 1, INT32_MAX);
        else if (found == 't')
            options.seconds = parse_seconds(optarg);
        else
            exit(2);
    }
    if (count - optind != 2)
        die("usage: native MODE HOST:PORT [--connections N] [--size BYTES] [--seconds N]");
    options.mode = arguments[optind];
    options.address = parse_address(arguments[optind + 1]);
    return options;
}

/* What the users of a mode send. */
static void write_message(struct load *load, size_t size)
{
    const struct mode *mode = load->mode;

    if (mode->judge == judge_response) {
        load->message_size =
            (size_t)snprintf(load->message, REQUEST_LIMIT, "GET /%zu HTTP/1.1\r\nHost: bench.test\r\n%s\r\n", size,
                             mode->fresh ? "Connection: close\r\n" : "");
        return;
    }
    if (size > MESSAGE_LIMIT)
        die("--size: at most %d", MESSAGE_LIMIT);
    if (mode->fresh)
        size = 1; /* a new connection is asked for one byte only */
    load->message[0] = 'e';
    memcpy(load->message + mode->once, payload, size);
    load->message_size = mode->once + size;
}

/* As many descriptors as this user may have. */
static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int count, char **arguments)
{
    static struct load load;
    struct options options = parse_options(count, arguments);

    raise_limits();
    fill_payload();
    if (strcmp(options.mode, "serve") == 0)
        serve(&options.address);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(options.mode, modes[i].name) == 0)
            load.mode = &modes[i];
    if (load.mode == NULL)
        die("%s: no such mode", options.mode);
    load.address = options.address;
    write_message(&load, options.size);
    run_load(&load, options.connections, options.seconds);
    return 0;
}
