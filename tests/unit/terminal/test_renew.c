/* Renewal without a visit: the old identity stays until the new one was welcomed. */
#include "agent_rig.h"

#include <stdlib.h>

struct authority {
    struct x509_bytes key, cert;
};
static struct authority *authority;

static int setup(void **state)
{
    (void)state;
    authority = calloc(1, sizeof *authority);
    if (!authority || x509_key_new(&authority->key) != 0)
        return -1;
    return x509_authority_new(&authority->key, "Test authority",
                              clock_wall_ms(&clock_system) - 200 * MS_PER_DAY, 3650,
                              &authority->cert);
}
static int teardown(void **state)
{
    (void)state;
    free(authority);
    return 0;
}

static int issue(const void *csr, size_t len, const char *name, int64_t now_ms,
                 struct x509_bytes *ret)
{
    struct x509_issue w = {.authority_key = &authority->key,
                           .authority_cert = &authority->cert,
                           .csr = csr,
                           .csr_len = len,
                           .name = name,
                           .use = X509_TERMINAL,
                           .now_ms = now_ms,
                           .days = 90};
    return x509_issue(&w, ret);
}

/* An agent whose certificate has 10 of 90 days left. */
static int make_old(struct rig *r)
{
    struct identity *id = identity_new();
    struct x509_bytes *csr = arena_alloc(flow_arena(), sizeof *csr);
    if (!id || !csr)
        return OC_ENOMEM;
    int rc = x509_key_new(&id->key);
    if (rc == 0)
        rc = x509_request_new(&id->key, "desk-1", csr);
    if (rc == 0)
        rc = issue(csr->data, csr->len, "desk-1", clock_wall_ms(&clock_system) - 80 * MS_PER_DAY,
                   &id->certificate);
    if (rc == 0)
        rc = x509_read(id->certificate.data, id->certificate.len, &id->info);
    id->authority = authority->cert;
    r->agent->identity = id;
    return rc;
}

static CO_FN int send_renewed(struct rig *r, struct x509_bytes *cert)
{
    pb_renewed n = ONECARD__TERMINAL__V1__RENEWED__INIT;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    n.certificate.data = cert->data;
    n.certificate.len = cert->len;
    to.message_case = (int)TO_TERMINAL_RENEWED;
    to.renewed = &n;
    return rig_co_send(r, &to);
}

static int renew_play(struct rig *r) CO_FN;
static int renew_play(struct rig *r)
{
    pb_to_switch *m;
    struct x509_bytes *cert = arena_alloc(flow_arena(), sizeof *cert);
    RIG_NEED(r, cert && make_old(r) == 0);
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_RENEW, &m));
    RIG_NEED(r, issue(m->renew->csr.data, m->renew->csr.len, "desk-1", clock_wall_ms(&clock_system),
                      cert) == 0);
    int64_t old = r->agent->identity->info.not_after_ms;
    RIG_TRY(send_renewed(r, cert));
    RIG_NEED(r, flow_co_sleep_ms(300) == 0);
    RIG_NEED(r, r->agent->next && r->agent->link.use_next); /* kept beside the old … */
    RIG_NEED(r, r->agent->identity->info.not_after_ms == old);
    RIG_TRY(rig_co_welcome(r)); /* … until this */
    RIG_NEED(r, flow_co_sleep_ms(200) == 0);
    RIG_NEED(r, !r->agent->next && r->agent->identity->info.not_after_ms > old);
    return rig_co_quiet(r, 100);
}
static void old_key_is_kept_until_the_new_one_was_welcomed(void **state)
{
    struct rig r;
    struct identity *id = NULL;
    char path[96];
    (void)state;
    ROLE_ENTER_WORKER();
    rig_init(&r, RIG_DESK);
    rig_run(&r, renew_play);
    (void)snprintf(path, sizeof path, "%s/state", r.dir);
    assert_int_equal(identity_load(path, IDENTITY_FILE, &id), 0);
    assert_string_equal(id->info.name, "desk-1");
    identity_free(&id);
    assert_int_equal(identity_load(path, IDENTITY_NEXT, &id), OC_ENOENT);
    rig_fini(&r);
}

static int foreign_play(struct rig *r) CO_FN;
static int foreign_play(struct rig *r)
{
    pb_to_switch *m;
    struct x509_bytes *cert = arena_alloc(flow_arena(), sizeof *cert);
    RIG_NEED(r, cert && make_old(r) == 0);
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_RENEW, &m));
    RIG_NEED(r, issue(m->renew->csr.data, m->renew->csr.len, "desk-2", clock_wall_ms(&clock_system),
                      cert) == 0);
    RIG_TRY(send_renewed(r, cert));
    RIG_NEED(r, flow_co_sleep_ms(200) == 0);
    RIG_NEED(r, !r->agent->next && link_up(r->agent));
    return 0;
}
static void certificate_of_another_name_is_not_taken(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    log_set_stream(fopen("/dev/null", "w"));
    rig_run(&r, foreign_play);
    log_set_stream(NULL);
    rig_fini(&r);
}

static int refused_play(struct rig *r) CO_FN;
static int refused_play(struct rig *r)
{
    static char code[] = "wrong_certificate";
    pb_to_switch *m;
    pb_error e = ONECARD__TERMINAL__V1__ERROR__INIT;
    pb_to_terminal to = ONECARD__TERMINAL__V1__TO_TERMINAL__INIT;
    struct x509_bytes *cert = arena_alloc(flow_arena(), sizeof *cert);
    RIG_NEED(r, cert && make_old(r) == 0);
    RIG_TRY(rig_co_welcome(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_RENEW, &m));
    RIG_NEED(r, issue(m->renew->csr.data, m->renew->csr.len, "desk-1", clock_wall_ms(&clock_system),
                      cert) == 0);
    int64_t old = r->agent->identity->info.not_after_ms;
    RIG_TRY(send_renewed(r, cert));
    RIG_TRY(rig_co_accept(r));
    RIG_TRY(rig_co_expect(r, TO_SWITCH_HELLO, &m));
    e.code = e.message = code;
    e.fatal = true;
    to.message_case = (int)TO_TERMINAL_ERROR;
    to.error = &e;
    RIG_TRY(rig_co_send(r, &to));
    RIG_TRY(rig_co_welcome(r)); /* with the old one again */
    RIG_NEED(r, flow_co_sleep_ms(200) == 0);
    RIG_NEED(r,
             !r->agent->next && r->agent->identity->info.not_after_ms == old && link_up(r->agent));
    return 0;
}
static void refused_new_key_leaves_the_old_one_at_work(void **state)
{
    struct rig r;
    (void)state;
    rig_init(&r, RIG_DESK);
    rig_run(&r, refused_play);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_key_is_kept_until_the_new_one_was_welcomed),
        cmocka_unit_test(certificate_of_another_name_is_not_taken),
        cmocka_unit_test(refused_new_key_leaves_the_old_one_at_work),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
