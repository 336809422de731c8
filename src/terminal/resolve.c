#include "terminal/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct resolve_job {
    struct offload_job job;
    char host[256];
    struct resolved found;
};

static WORKER_FN int look(struct resolve_job *j)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(j->host, NULL, &hints, &list) != 0)
        return OC_ENOENT;
    for (const struct addrinfo *ai = list; ai && j->found.count < RESOLVED_MAX; ai = ai->ai_next)
        if (getnameinfo(ai->ai_addr, ai->ai_addrlen, j->found.items[j->found.count],
                        sizeof j->found.items[0], NULL, 0, NI_NUMERICHOST) == 0)
            j->found.count++;
    freeaddrinfo(list);
    return j->found.count > 0 ? 0 : OC_ENOENT;
}

static void run(struct offload_job *job)
{
    ROLE_ENTER_WORKER();
    job->result = look(CONTAINER_OF(job, struct resolve_job, job));
}

/* An address needs no worker: they may all hang at a name server that is down. */
static bool is_number(const char *host, struct resolved *ret)
{
    uint8_t any[16];
    if (inet_pton(AF_INET, host, any) != 1 && inet_pton(AF_INET6, host, any) != 1)
        return false;
    ret->count = 1;
    (void)snprintf(ret->items[0], sizeof ret->items[0], "%s", host);
    return true;
}

int64_t resolved_share_ns(const struct resolved *r, unsigned at, int64_t now_ns,
                          int64_t deadline_ns)
{
    int64_t left = deadline_ns - now_ns;
    return left > 0 ? now_ns + left / (int64_t)(r->count - at) : deadline_ns;
}

int resolve_co(struct pool *pool, const char *host, int64_t deadline_ns, struct resolved *ret)
{
    if (is_number(host, ret))
        return 0;
    struct offload_job *job = offload_job_new(sizeof(struct resolve_job), run, NULL);
    if (!job)
        return OC_ENOMEM;
    struct resolve_job *j = CONTAINER_OF(job, struct resolve_job, job);
    size_t len = strlen(host);
    int rc = len < sizeof j->host ? 0 : OC_EINVAL;
    if (rc == 0)
        memcpy(j->host, host, len + 1);
    job->droppable = true;
    if (rc == 0)
        rc = flow_co_offload(pool, job, deadline_ns);
    if (rc == 0)
        rc = job->result;
    if (rc == 0)
        *ret = j->found;
    offload_job_put(job);
    return rc;
}
