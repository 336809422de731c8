/* The API of a whole daemon over its socket: the input's first line is "METHOD PATH", the rest the
 * body. Whatever is asked, the answer has one of the documented statuses, never 500, is JSON, and
 * the ledger verifies afterwards. */
#include "../unit/serve/site.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int __lsan_is_turned_off(void);

#define PATIENCE_MS  400 /* then it is one that waits, for a card */
#define VERIFY_EVERY 2000

static struct site site;

/* A daemon keeps things from one call to the next, some in locked memory, which the leak checker
 * does not look into. */
int __lsan_is_turned_off(void)
{
    return 1;
}

static void close_daemon(void)
{
    site_close(&site);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    CHECK(setenv("TMPDIR", "/dev/shm", 1) == 0);
    log_set_stream(fopen("/dev/null", "we"));
    site_open(&site, "requests: {max: 500}\n");
    site_furnish(&site, false);
    site_insert(&site, 0, 0);
    CHECK(atexit(close_daemon) == 0);
    return 0;
}

/* A backup is written where it is told to; what is no path is fuzz_http's. */
static bool forbidden(const char *path)
{
    for (const char *p = path; *p; p++)
        if (*p < 0x21 || *p > 0x7e)
            return true;
    return strncmp(path, "/v1/", 4) != 0 || strstr(path, "backup") || strchr(path, '%') ||
           strstr(path, "wait");
}

static int connect_to(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", site.socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

/* False: it waits. */
static bool read_all(int fd, struct buf *b)
{
    uint8_t part[4096];
    ssize_t n;
    do {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, PATIENCE_MS) != 1)
            return false;
        n = read(fd, part, sizeof part);
        if (n > 0)
            buf_put(b, part, (size_t)n);
    } while (n > 0);
    return true;
}

static void judge(const char *text, const char *what)
{
    static const int documented[] = {200, 201, 202, 400, 403, 404, 405, 409, 413, 503, 507};
    int status = 0;
    bool known = false;
    CHECK(sscanf(text, "HTTP/1.1 %d", &status) == 1);
    for (size_t i = 0; i < ARRAY_LEN(documented); i++)
        known |= status == documented[i];
    const char *body = strstr(text, "\r\n\r\n");
    json_t *j = body ? json_loads(body + 4, 0, NULL) : NULL;
    bool json = json_is_object(j) || strstr(what, "/metrics") || strncmp(what, "HEAD", 4) == 0;
    if (!known || !json)
        fprintf(stderr, "%s\n%s\n", what, text);
    CHECK(known && json);
    json_decref(j);
}

static void ask(const char *method, const char *path, const void *body, size_t len)
{
    struct buf b;
    char head[600];
    int fd = connect_to();
    int n =
        snprintf(head, sizeof head,
                 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                 method, path, len);
    buf_init(&b, 0);
    if (send(fd, head, (size_t)n, MSG_NOSIGNAL) == n &&
        (len == 0 || send(fd, body, len, MSG_NOSIGNAL) == (ssize_t)len) && read_all(fd, &b))
        judge(buf_cstr(&b), head);
    buf_fini(&b);
    (void)close(fd);
}

static void verify(void)
{
    json_t *j = site_expect(&site, 200, "POST", "/v1/ledger/verify", "{}");
    CHECK(number_of(j, "faults") == 0);
    json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned count;
    static const char *const methods[] = {"GET", "POST", "DELETE", "PUT", "HEAD"};
    char line[400] = "", method[8] = "", path[400] = "";
    const uint8_t *end = memchr(data, '\n', size);
    size_t len = end ? (size_t)(end - data) : size;
    if (len >= sizeof line || memchr(data, 0, len))
        return 0;
    memcpy(line, data, len);
    bool good = sscanf(line, "%7s %399s", method, path) == 2 && !forbidden(path);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (good && strcmp(methods[i], method) == 0)
            ask(method, path, end ? end + 1 : NULL, end ? size - len - 1 : 0);
    if (++count % VERIFY_EVERY == 0)
        verify();
    return 0;
}
