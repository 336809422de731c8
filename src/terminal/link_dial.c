/* From a configured address to a TLS stream: the name is resolved on a worker, each of its
 * addresses tried in turn. */
#include "terminal/internal.h"
#include "terminal/resolve.h"

#include <stdio.h>
#include <string.h>

static const struct identity *identity_now(const struct agent *a)
{
    return a->link.use_next && a->next ? a->next : a->identity;
}

static CO_FN int new_ctx(struct agent *a, struct tls_ctx **ret)
{
    static const char *const alpn[] = {"onecard/1", NULL};
    const struct identity *id = identity_now(a);
    struct tls_blob authority = {id->authority.data, id->authority.len};
    struct tls_opts o = {.certificate = {id->certificate.data, id->certificate.len},
                         .key = {id->key.data, id->key.len},
                         .authorities = &authority,
                         .authority_count = 1,
                         .alpn = alpn};
    return tls_ctx_new(&o, ret);
}

/* A box whose clock stood still sees good certificates as bad ones. */
static const char *in_words(const struct tls_failure *f)
{
    if (f->alert || !f->why)
        return f->why;
    if (strcmp(f->why, "certificate not yet valid") == 0)
        return "the switch's certificate is not yet valid: is this machine's clock right?";
    if (strcmp(f->why, "certificate expired") == 0)
        return "the switch's certificate has expired: is this machine's clock right?";
    return f->why;
}

static CO_FN int dial_one(struct agent *a, struct tls_ctx *ctx, struct stream *raw,
                          const char *name, int64_t deadline_ns, struct stream **ret,
                          const char **ret_why)
{
    struct tls_failure failure = {.why = NULL};
    int rc = tls_co_connect(ctx, a->work, raw, name, a->link.sessions[a->link.at], deadline_ns, ret,
                            NULL, &failure);
    if (rc != 0)
        *ret_why = in_words(&failure);
    return rc;
}

static CO_FN int dial_all(struct agent *a, struct tls_ctx *ctx, const char *host, int port,
                          int64_t deadline_ns, struct stream **ret, const char **ret_why)
{
    const char *name = a->config->sw.name ? a->config->sw.name : host;
    struct resolved found;
    int rc = resolve_co(a->work, host, deadline_ns, &found);
    if (rc != 0) {
        *ret_why = "the name is not known";
        return rc;
    }
    for (unsigned i = 0; i < found.count; i++) {
        struct stream *raw = NULL;
        int64_t until = resolved_share_ns(&found, i, agent_now_ns(a), deadline_ns);
        rc = sock_co_connect_tcp(found.items[i], port, until, &raw);
        if (rc == 0)
            rc = dial_one(a, ctx, raw, name, deadline_ns, ret, ret_why);
        else
            *ret_why = rc == OC_ETIMEDOUT ? "no answer" : "nobody listens there";
        if (rc == 0 || rc == OC_ECANCELED || rc == OC_EPERM)
            break;
    }
    return rc;
}

static int co_dial(void *arg, const char *address, int64_t deadline_ns, struct stream **ret,
                   const char **ret_why) CO_FN;
static int co_dial(void *arg, const char *address, int64_t deadline_ns, struct stream **ret,
                   const char **ret_why)
{
    struct agent *a = arg;
    struct tls_ctx *ctx = NULL;
    char host[HOST_MAX];
    int port;
    int rc = address_split(address, false, host, &port);
    if (rc == 0)
        rc = new_ctx(a, &ctx);
    if (rc != 0) {
        *ret_why = "key and certificate cannot be used";
        return rc;
    }
    rc = dial_all(a, ctx, host, port, deadline_ns, ret, ret_why);
    tls_ctx_put(&ctx);
    return rc;
}

const struct agent_dial link_dial_tls = {.co_dial = co_dial};
