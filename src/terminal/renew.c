/* Renewal without a visit. When a third of the certificate's life is left a new key is made and its
 * certificate asked for; both identities are kept until the switch has welcomed the new one.
 *
 *   due ──Renew──► Renewed: identity-next.pem is durable ──next connection──► Welcome: it becomes
 * identity.pem └──refused─────────► the old one is tried; if it is welcomed, the next goes */
#include "terminal/internal.h"

#include <stdlib.h>
#include <string.h>

#define AGAIN_NS (INT64_C(3600) * NS_PER_S)

/* A resumed session would carry the other certificate. */
static void forget_sessions(struct agent *a)
{
    for (size_t i = 0; i < a->config->sw.addresses.count; i++) {
        tls_session_free(&a->link.sessions[i]);
        a->link.sessions[i] = tls_session_new();
    }
}

/* By the switch's clock: ours may be off by years, and then asks too late or without end. */
static bool is_due(const struct agent *a)
{
    return identity_due(a->identity, agent_wall_ms(a) - a->link.clock_offset_ms);
}

void renew_look(struct agent *a)
{
    struct link *l = &a->link;
    struct x509_bytes *csr = NULL;
    if (a->next && l->use_next && link_up(a) && requests_open(a) == 0)
        link_cut(a, "the certificate was renewed");
    if (!a->identity || a->next || l->renewing || !link_up(a) ||
        agent_now_ns(a) < l->renew_again_ns || !is_due(a))
        return;
    l->renew_again_ns = agent_now_ns(a) + AGAIN_NS;
    struct identity *id = identity_new();
    csr = calloc(1, sizeof *csr);
    int rc = id && csr ? x509_key_new(&id->key) : OC_ENOMEM;
    if (rc == 0)
        rc = x509_request_new(&id->key, a->identity->info.name, csr);
    if (rc == 0) {
        pb_renew r = ONECARD__TERMINAL__V1__RENEW__INIT;
        pb_to_switch m = ONECARD__TERMINAL__V1__TO_SWITCH__INIT;
        id->authority = a->identity->authority;
        r.csr.data = csr->data;
        r.csr.len = csr->len;
        m.message_case = (int)TO_SWITCH_RENEW;
        m.renew = &r;
        if (link_send(a, &m)) {
            l->renewing = id;
            id = NULL;
            log_info("link", "the certificate is asked for anew");
        }
    } else {
        log_error("link", "no new key: %s", oc_strerror(rc));
    }
    free(csr);
    identity_free(&id);
}

/* File work of a renewal, on a worker. */
enum identity_work { IDENTITY_SAVE, IDENTITY_PROMOTE, IDENTITY_DROP };
struct identity_job {
    struct offload_job job;
    enum identity_work what;
    struct identity *id;
    char state[4096];
};
static void job_destroy(struct offload_job *job)
{
    identity_free(&CONTAINER_OF(job, struct identity_job, job)->id);
}
static WORKER_FN int body(struct identity_job *j)
{
    if (j->what == IDENTITY_SAVE)
        return identity_save(j->id, j->state, IDENTITY_NEXT);
    if (j->what == IDENTITY_PROMOTE)
        return identity_promote(j->state);
    identity_drop_next(j->state);
    return 0;
}
static void job_run(struct offload_job *job)
{
    ROLE_ENTER_WORKER();
    job->result = body(CONTAINER_OF(job, struct identity_job, job));
}

static CO_FN int co_files(struct agent *a, enum identity_work what, const struct identity *id)
{
    struct offload_job *job = offload_job_new(sizeof(struct identity_job), job_run, job_destroy);
    if (!job)
        return OC_ENOMEM;
    struct identity_job *j = CONTAINER_OF(job, struct identity_job, job);
    size_t len = strlen(a->config->state);
    int rc = len < sizeof j->state ? 0 : OC_ELIMIT;
    j->what = what;
    if (rc == 0)
        memcpy(j->state, a->config->state, len + 1);
    if (rc == 0 && id) {
        j->id = identity_new();
        if (j->id)
            *j->id = *id;
        rc = j->id ? 0 : OC_ENOMEM;
    }
    if (rc == 0)
        rc = flow_co_offload(a->work, job, FLOW_FOREVER);
    if (rc == 0)
        rc = job->result;
    offload_job_put(job);
    return rc;
}

/* Is it a certificate for our key and name? */
static int check(const struct identity *old, struct identity *id)
{
    struct x509_bytes *csr = calloc(1, sizeof *csr);
    uint8_t pin[X509_PIN_LEN];
    int rc = csr ? x509_request_new(&id->key, old->info.name, csr) : OC_ENOMEM;
    if (rc == 0)
        rc = x509_request_check(csr->data, csr->len, pin);
    if (rc == 0)
        rc = x509_read(id->certificate.data, id->certificate.len, &id->info);
    if (rc == 0 &&
        (memcmp(pin, id->info.pin, sizeof pin) != 0 || strcmp(id->info.name, old->info.name) != 0))
        rc = OC_EINVAL;
    free(csr);
    return rc;
}

int renew_co_take(struct agent *a, const pb_renewed *m)
{
    struct link *l = &a->link;
    struct identity *id = l->renewing;
    l->renewing = NULL;
    if (!id)
        return 0;
    int rc = m->certificate.len > 0 && m->certificate.len <= X509_DER_MAX ? 0 : OC_EPARSE;
    if (rc == 0) {
        memcpy(id->certificate.data, m->certificate.data, m->certificate.len);
        id->certificate.len = m->certificate.len;
        rc = check(a->identity, id);
    }
    if (rc == 0)
        rc = co_files(a, IDENTITY_SAVE, id);
    if (rc != 0) {
        log_error("link", "the new certificate is not taken: %s", oc_strerror(rc));
        identity_free(&id);
        return 0;
    }
    a->next = id;
    l->use_next = true;
    forget_sessions(a);
    log_info("link", "a new certificate is here: it is used from the next connection on");
    renew_look(a);
    return 0;
}

void renew_co_worked(struct agent *a)
{
    struct link *l = &a->link;
    if (!a->next)
        return;
    if (!l->use_next) { /* refused, and the old one is still good: another one is asked for later */
        if (co_files(a, IDENTITY_DROP, NULL) == 0)
            identity_free(&a->next);
        return;
    }
    int rc = co_files(a, IDENTITY_PROMOTE, NULL);
    if (rc != 0) {
        log_error("link", "the new certificate stays beside the old one: %s", oc_strerror(rc));
        return;
    }
    identity_free(&a->identity);
    a->identity = a->next;
    a->next = NULL;
    l->use_next = false;
    log_info("link", "the new certificate works: the old one is gone");
}

void renew_refused(struct agent *a)
{
    if (!a->next)
        return;
    a->link.use_next = !a->link.use_next;
    forget_sessions(a);
}
