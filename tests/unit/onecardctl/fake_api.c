/* One connection at a time; a connection serves several requests until one side closes it, or the
 * tool makes another. */
#include "fake_api.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Reads until the head and as much body as it announces are there. */
static bool read_request(struct fake_api *f, int fd, struct fake_asked *a)
{
    char *text = f->text, *end = NULL;
    size_t len = 0, want = 0;
    while (len < sizeof f->text - 1) {
        ssize_t n = read(fd, text + len, sizeof f->text - 1 - len);
        if (n <= 0)
            return false;
        len += (size_t)n;
        text[len] = '\0';
        end = strstr(text, "\r\n\r\n");
        const char *length = strstr(text, "Content-Length: ");
        want = length ? strtoul(length + 16, NULL, 10) : 0;
        if (end && strlen(end + 4) >= want)
            break;
    }
    if (!end || sscanf(text, "%7s %255s", a->method, a->path) != 2)
        return false;
    (void)snprintf(a->body, sizeof a->body, "%.*s", (int)(want < sizeof a->body ? want : 0),
                   end + 4);
    return true;
}

/* Waits; true: the client went meanwhile. */
static bool wait_or_gone(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};
    return poll(&p, 1, ms) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static bool answer(struct fake_api *f, int fd, struct fake_asked *a)
{
    static const struct fake_step unexpected = {
        .status = 500, .body = "{\"error\":{\"message\":\"not in the script\"}}"};
    int i = f->asked_count - 1;
    const struct fake_step *s = i < f->count ? &f->steps[i] : &unexpected;
    char head[256];
    a->expected = s != &unexpected && strcmp(a->method, s->method) == 0 &&
                  strncmp(a->path, s->path, strlen(s->path)) == 0;
    if (!a->expected)
        s = &unexpected;
    if (s->signal != 0)
        (void)kill(getpid(), s->signal);
    if (s->delay_ms > 0 && wait_or_gone(fd, s->delay_ms)) {
        a->gone = true;
        return false;
    }
    if (s->status == 0)
        return false;
    (void)snprintf(head, sizeof head,
                   "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                   s->status, strlen(s->body));
    return write(fd, head, strlen(head)) > 0 && write(fd, s->body, strlen(s->body)) >= 0;
}

static bool ended(const struct fake_api *f)
{
    int n = f->asked_count;
    return n >= FAKE_STEPS || (n > 0 && n <= f->count && f->steps[n - 1].stop);
}

/* True: a request comes, or the client went. False: the client made another connection. */
static bool goes_on(const struct fake_api *f, int fd)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = f->listener, .events = POLLIN}};
    return poll(p, 2, -1) > 0 && p[0].revents != 0;
}

static void *serve(void *arg)
{
    struct fake_api *f = arg;
    while (!ended(f)) {
        int fd = accept(f->listener, NULL, NULL);
        if (fd < 0)
            break;
        while (!ended(f) && goes_on(f, fd) && read_request(f, fd, &f->asked[f->asked_count])) {
            f->asked_count++;
            if (!answer(f, fd, &f->asked[f->asked_count - 1]))
                break;
        }
        (void)close(fd);
    }
    (void)shutdown(f->listener, SHUT_RDWR);
    (void)unlink(f->path);
    return NULL;
}

int fake_api_start(struct fake_api *f, const struct fake_step *steps, int count)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    sigset_t all, before;
    *f = (struct fake_api){.steps = steps, .count = count};
    (void)snprintf(f->dir, sizeof f->dir, ONECARD_SCRATCH "/onecardctl-test.XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    (void)snprintf(f->path, sizeof f->path, "%.63s/api.sock", f->dir);
    memcpy(sa.sun_path, f->path, strlen(f->path) + 1);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->listener < 0 || bind(f->listener, (const struct sockaddr *)&sa, sizeof sa) != 0 ||
        listen(f->listener, 8) != 0)
        return -1;
    (void)sigfillset(&all); /* signals are for the program under test */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&f->thread, NULL, serve, f);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : -1;
}

void fake_api_stop(struct fake_api *f)
{
    (void)shutdown(f->listener, SHUT_RDWR);
    (void)pthread_join(f->thread, NULL);
    (void)close(f->listener);
    (void)unlink(f->path);
    (void)rmdir(f->dir);
}
