/* Proving and copying the ledger while it works. */
#include "serve/api.h"

#include <stdio.h>
#include <string.h>

static int post_verify(struct api_call *c) CO_FN;
static int post_verify(struct api_call *c)
{
    struct ledger_report *r = arena_alloc(flow_arena(), sizeof *r);
    int rc = api_fields(c, NULL, 0);
    if (rc == 0 && !r)
        rc = api_no_memory(c);
    if (rc != 0)
        return rc;
    rc = ledger_co_verify(c->s->ledger, r);
    if (rc != 0)
        return api_failed(c, rc, "verification");
    c->reply = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "good", r->faults == 0, "ops",
                         (json_int_t)r->ops, "cards", (json_int_t)r->cards, "txns",
                         (json_int_t)r->txns, "open_txns", (json_int_t)r->open_txns, "faults",
                         (json_int_t)r->faults, "first_fault", json_text_or_null(r->first_fault),
                         "head", json_hex(r->head, sizeof r->head));
    if (r->faults != 0)
        log_error("serve", "ledger verification: %u faults, first: %s", r->faults, r->first_fault);
    return 0;
}

static int post_backup(struct api_call *c) CO_FN;
static int post_backup(struct api_call *c)
{
    char path[1024] = "";
    const struct field fields[] = {
        {.name = "path", .kind = FIELD_TEXT, .out = path, .size = sizeof path, .required = true}};
    int rc = api_fields(c, fields, ARRAY_LEN(fields));
    if (rc != 0)
        return rc;
    if (path[0] != '/')
        return api_fail(c, 400, "bad_field",
                        "\"path\" must be absolute: the daemon's folder is not "
                        "yours");
    rc = ledger_co_backup(c->s->ledger, path);
    if (rc == OC_EEXIST)
        return api_fail(c, 409, "exists", "%s is there already: a backup overwrites nothing", path);
    if (rc == OC_ENOSPC || rc == OC_EDB_FULL)
        return api_fail(c, 507, "no_space", "no space for %s", path);
    if (rc == OC_EIO || rc == OC_ENOENT)
        return api_fail(c, 409, "failed",
                        "%s cannot be written: does the folder exist, may the "
                        "daemon's user write there?",
                        path);
    if (rc != 0)
        return api_failed(c, rc, "backup");
    log_info("serve", "ledger copied to %s for %s", path, c->who);
    c->reply = json_pack("{s:s}", "path", path);
    return 0;
}

const struct api_route api_ledger_routes[] = {{"POST", "/v1/ledger/verify", post_verify, NULL},
                                              {"POST", "/v1/ledger/backup", post_backup, NULL},
                                              {NULL, NULL, NULL, NULL}};
