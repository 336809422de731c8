/* Who may ask, and who asked: users by number, because names may lie on the network and a look-up
 * may block. The configured names become numbers once, at the start; the name of a peer is looked
 * up by a worker and kept (R20: every row says who). */
#include "serve/internal.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_uid(struct serve *s, uid_t uid)
{
    if (s->uid_count < PEERS_MAX)
        s->uids[s->uid_count++] = uid;
}

static void add_user(struct serve *s, const char *name)
{
    struct passwd *pw = getpwnam(name);
    if (pw)
        add_uid(s, pw->pw_uid);
    else
        log_warn("serve", "api.users: there is no user \"%s\" on this machine", name);
}

static void add_group(struct serve *s, const char *name)
{
    struct group *gr = getgrnam(name);
    if (!gr) {
        log_warn("serve", "api.groups: there is no group \"%s\" on this machine", name);
        return;
    }
    if (s->gid_count < PEERS_MAX)
        s->gids[s->gid_count++] = gr->gr_gid;
    char **members = gr->gr_mem;
    for (size_t i = 0; members[i]; i++) {
        struct passwd *pw = getpwnam(members[i]);
        if (pw)
            add_uid(s, pw->pw_uid);
    }
}

void peers_resolve(struct serve *s)
{
    const struct serve_api *api = &s->fixed->api;
    add_uid(s, 0);
    add_uid(s, geteuid());
    for (size_t i = 0; i < api->users.count; i++)
        add_user(s, api->users.items[i]);
    for (size_t i = 0; i < api->groups.count; i++)
        add_group(s, api->groups.items[i]);
}

/* Who may connect is decided by peers_allow(); the socket's own mode must let them come that far.
 * One group gets the socket; for more groups, or single users, it is open to all and each peer is
 * looked at. */
int peers_open_socket(struct serve *s)
{
    const struct serve_api *api = &s->fixed->api;
    if (api->users.count == 0 && api->groups.count == 0)
        return 0;
    bool one = api->users.count == 0 && s->gid_count == 1;
    if (one && chown(api->socket, (uid_t)-1, s->gids[0]) == 0)
        return 0;
    if (chmod(api->socket, 0666) != 0) /* a user may give files only to groups of his own */
        log_warn("serve", "socket %s cannot be opened to api.users and api.groups: %m",
                 api->socket);
    return 0;
}

bool peers_allow(void *arg, uid_t uid, gid_t gid)
{
    const struct serve *s = arg;
    for (unsigned i = 0; i < s->uid_count; i++)
        if (s->uids[i] == uid)
            return true;
    for (unsigned i = 0; i < s->gid_count; i++)
        if (s->gids[i] == gid)
            return true;
    return false;
}

struct name_job {
    struct offload_job job;
    uid_t uid;
    char name[LEDGER_ID];
};

static void look_up(struct offload_job *job)
{
    struct name_job *n = CONTAINER_OF(job, struct name_job, job);
    struct passwd pw, *found = NULL;
    char text[1024];
    ROLE_ENTER_WORKER();
    bool named = getpwuid_r(n->uid, &pw, text, sizeof text, &found) == 0 && found;
    if (named)
        (void)snprintf(n->name, sizeof n->name, "%.31s", pw.pw_name);
    else
        (void)snprintf(n->name, sizeof n->name, "uid:%u", (unsigned)n->uid);
    (void)text_trim_utf8(n->name);
}

static const struct peer *known(const struct serve *s, uid_t uid)
{
    for (unsigned i = 0; i < s->peer_count; i++)
        if (s->peers[i].uid == uid)
            return &s->peers[i];
    return NULL;
}

const char *peers_co_name(struct serve *s, uid_t uid)
{
    const struct peer *p = known(s, uid);
    if (p)
        return p->name;
    struct name_job *n = offload_job_new(sizeof *n, look_up, NULL);
    const char *name = NULL;
    if (n) {
        n->uid = uid;
        if (flow_co_offload(s->pool, &n->job, flow_deadline_ms(5000)) == 0) {
            name = arena_strdup(flow_arena(), n->name);
            if (s->peer_count < PEERS_MAX && !known(s, uid)) {
                struct peer *new = &s->peers[s->peer_count++];
                new->uid = uid;
                memcpy(new->name, n->name, sizeof new->name);
            }
        }
        offload_job_put(&n->job);
    }
    return name ? name : arena_printf(flow_arena(), "uid:%u", (unsigned)uid);
}
