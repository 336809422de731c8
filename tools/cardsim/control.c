/* The control socket: one command a line, one answer a line, `ok …` or `error …`. */
#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { QUIET_MS = 100 };

static void say(struct sim_client *client, const char *line)
{
    size_t len = strlen(line);
    if (send(client->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len)
        return;
    (void)close(client->fd); /* gone, or does not read */
    client->fd = -1;
}

typedef void verb_fn(struct sim *s, struct sim_client *client, const char *arg);

static void do_insert(struct sim *s, struct sim_client *client, const char *arg)
{
    (void)arg;
    reader_insert(s);
    say(client, "ok inserted\n");
}

static void do_remove(struct sim *s, struct sim_client *client, const char *arg)
{
    (void)arg;
    reader_remove(s);
    say(client, "ok removed\n");
}

static void do_fault(struct sim *s, struct sim_client *client, const char *arg)
{
    int err = cardsim_fault_add(s->card, arg);
    say(client, err == CARDSIM_EFULL ? "error too many faults\n"
                : err                ? "error not a fault\n"
                                     : "ok fault\n");
}

static void do_clear(struct sim *s, struct sim_client *client, const char *arg)
{
    (void)arg;
    cardsim_fault_clear(s->card);
    say(client, "ok cleared\n");
}

static void do_status(struct sim *s, struct sim_client *client, const char *arg)
{
    static const char *const blocked[] = {"no", "temporary", "permanent"};
    struct cardsim_status st;
    char serial[21], line[512];
    (void)arg;
    cardsim_status(s->card, &st);
    for (size_t i = 0; i < 10; i++)
        (void)snprintf(serial + 2 * i, 3, "%02X", st.serial[i]);
    (void)snprintf(
        line, sizeof line,
        "ok {\"present\":%s,\"connected\":%s,\"purse\":%s,\"balance\":%" PRId64
        ",\"overdraft\":%u,\"online\":%u,\"offline\":%u,\"blocked\":\"%s\",\"serial\":\"%s\""
        ",\"in_transaction\":%s,\"commands\":%u,\"faults\":%u}\n",
        s->present ? "true" : "false", s->reader >= 0 ? "true" : "false",
        st.has_purse ? "true" : "false", st.balance_fen, (unsigned)st.overdraft_fen,
        (unsigned)st.online, (unsigned)st.offline,
        st.card_blocked ? "card" : blocked[st.app_blocked], serial,
        st.in_transaction ? "true" : "false", st.commands, cardsim_fault_count(s->card));
    say(client, line);
}

/* Another card on the same reader: this one leaves, that one comes. */
static void do_swap(struct sim *s, struct sim_client *client, const char *arg)
{
    bool was_present = s->present;
    if (*arg == '\0' || strlen(arg) >= sizeof s->state_path) {
        say(client, "error swap needs a state file\n");
        return;
    }
    sim_keep(s);
    reader_remove(s);
    if (cardsim_state_load(s->card, arg) != 0) {
        if (was_present)
            reader_insert(s);
        say(client, "error not a card\n");
        return;
    }
    (void)snprintf(s->state_path, sizeof s->state_path, "%s", arg);
    if (was_present)
        reader_insert(s);
    say(client, "ok swapped\n");
}

static void do_wait(struct sim *s, struct sim_client *client, const char *arg)
{
    (void)s;
    (void)arg;
    client->waits = true;
}

static void do_quit(struct sim *s, struct sim_client *client, const char *arg)
{
    (void)arg;
    s->quit = true;
    say(client, "ok bye\n");
}

static const struct {
    const char *name;
    verb_fn *run;
} verbs[] = {
    {"insert", do_insert},      {"remove", do_remove}, {"fault", do_fault},
    {"clear-faults", do_clear}, {"status", do_status}, {"swap", do_swap},
    {"wait-idle", do_wait},     {"quit", do_quit},
};

static void run_line(struct sim *s, struct sim_client *client, char *line)
{
    char *arg = strpbrk(line, " \t");
    if (arg) {
        *arg++ = '\0';
        arg += strspn(arg, " \t");
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, line) == 0) {
            verbs[i].run(s, client, arg ? arg : "");
            return;
        }
    }
    say(client, "error insert remove fault clear-faults status swap wait-idle quit\n");
}

int control_open(struct sim *s, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof addr.sun_path) {
        (void)fprintf(stderr, "cardsim: control socket: name too long\n");
        return -1;
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    (void)unlink(path);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listener < 0 || bind(s->listener, (const struct sockaddr *)&addr, sizeof addr) != 0 ||
        listen(s->listener, SIM_CLIENTS) != 0) {
        (void)fprintf(stderr, "cardsim: %s: %s\n", path, strerror(errno));
        return -1;
    }
    s->control_path = path;
    return 0;
}

void control_accept(struct sim *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t i = 0; i < SIM_CLIENTS; i++) {
        struct sim_client *client = &s->clients[i];
        if (client->fd >= 0)
            continue;
        *client = (struct sim_client){.fd = fd};
        return;
    }
    (void)close(fd);
}

void control_readable(struct sim *s, struct sim_client *client)
{
    ssize_t n = recv(client->fd, client->line + client->len, sizeof client->line - client->len, 0);
    if (n <= 0) {
        (void)close(client->fd);
        client->fd = -1;
        return;
    }
    client->len += (size_t)n;
    char *end = NULL;
    while (client->fd >= 0 && (end = memchr(client->line, '\n', client->len)) != NULL) {
        size_t used = (size_t)(end - client->line) + 1;
        *end = '\0';
        if (end > client->line && end[-1] == '\r')
            end[-1] = '\0';
        run_line(s, client, client->line);
        client->len -= used;
        memmove(client->line, client->line + used, client->len);
    }
    if (client->fd >= 0 && client->len == sizeof client->line) {
        client->len = 0;
        say(client, "error line too long\n");
    }
}

void control_idle(struct sim *s)
{
    struct cardsim_status st;
    cardsim_status(s->card, &st);
    if (st.in_transaction || s->pending_len || sim_now_ms() - s->last_command < QUIET_MS)
        return;
    for (size_t i = 0; i < SIM_CLIENTS; i++) {
        struct sim_client *client = &s->clients[i];
        if (client->fd < 0 || !client->waits)
            continue;
        client->waits = false;
        say(client, "ok idle\n");
    }
}

void control_close(struct sim *s)
{
    for (size_t i = 0; i < SIM_CLIENTS; i++)
        if (s->clients[i].fd >= 0)
            (void)close(s->clients[i].fd);
    if (s->listener >= 0)
        (void)close(s->listener);
    if (s->control_path)
        (void)unlink(s->control_path);
}
