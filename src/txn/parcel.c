/* One message of the outbox as an institution gets it, and what its answer means. */
#include "txn/parcel.h"

#include <jansson.h>
#include <string.h>

bool parcel_ends_hold(const struct message_row *row)
{
    return strcmp(row->kind, "confirm") == 0 || strcmp(row->kind, "reverse") == 0;
}

static CO_FN int wrap_hold(struct txn_env *env, struct parcel *p)
{
    char id[IDENT_TEXT];
    struct buf b;
    int rc = ledger_co_hold(env->ledger, p->row.txn, &p->hold);
    size_t cap = 128 + 6 * sizeof p->hold.reference;
    p->body = rc == 0 ? arena_alloc(flow_arena(), cap) : NULL;
    if (rc != 0 || p->body == NULL)
        return rc != 0 ? rc : OC_ENOMEM;
    buf_over(&b, p->body, cap - 1);
    buf_printf(&b, "{\"id\":\"%s\",\"reference\":", ident_text(p->row.txn, id));
    plan_json_text(&b, p->hold.reference);
    buf_puts(&b, "}");
    p->path = p->row.kind;
    p->len = b.len;
    return b.err;
}

int txn_co_message_document(struct txn_env *env, const struct message_row *row, struct arena *a,
                            const char **ret_text, size_t *ret_len)
{
    return vault_doc_co_message(env, row, a, ret_text, ret_len);
}

static CO_FN int wrap_message(struct txn_env *env, struct parcel *p)
{
    struct buf b;
    const char *text = NULL;
    char id[IDENT_TEXT];
    size_t len = 0;
    int rc = txn_co_message_document(env, &p->row, flow_arena(), &text, &len);
    if (rc != 0)
        return rc;
    size_t cap = len + 256 + 6 * sizeof p->row.kind;
    p->body = arena_alloc(flow_arena(), cap);
    if (p->body == NULL)
        return OC_ENOMEM;
    buf_over(&b, p->body, cap - 1);
    buf_printf(&b, "{\"id\":\"%s\",\"kind\":", ident_text(p->row.id, id));
    plan_json_text(&b, p->row.kind);
    buf_printf(&b, ",\"txn\":\"%s\",\"document\":", ident_text(p->row.txn, id));
    buf_put(&b, len > 0 ? text : "{}", len > 0 ? len : 2);
    buf_puts(&b, "}");
    p->path = "message";
    p->len = b.len;
    return b.err;
}

int parcel_co_end(struct txn_env *env, struct parcel *p, enum message_state to, unsigned tries)
{
    p->op.type = LOP_MESSAGE;
    (void)snprintf(p->op.who, sizeof p->op.who, "onecardd");
    p->op.message.message = p->row.id;
    p->op.message.to = (uint8_t)to;
    p->op.message.tries = tries;
    memcpy(p->op.message.note, p->note, sizeof p->op.message.note);
    return ledger_co_submit(env->ledger, &p->op);
}

/* 2xx, and the body does not say that it refuses. */
static bool acknowledged(const struct upstream_answer *a)
{
    if (a->status < 200 || a->status > 299 || !text_depth_ok(a->body, a->len, TEXT_DEPTH_MAX))
        return false;
    json_t *root = json_loadb(a->body, a->len, JSON_REJECT_DUPLICATES, NULL);
    bool yes = json_is_object(root) && json_object_get(root, "refused") == NULL;
    json_decref(root);
    return yes;
}

/* Says no, or is only away for now? */
static bool says_no(int status)
{
    return status != 429 && status != 502 && status != 503 && status != 504;
}

enum parcel_end parcel_co_post(struct txn_env *env, const char *to, struct parcel *p)
{
    struct upstream_answer answer;
    char key[SIGNED_KEY_MAX + 1], id[IDENT_TEXT];
    int rc = parcel_ends_hold(&p->row) ? wrap_hold(env, p) : wrap_message(env, p);
    if (rc == OC_ESEAL || rc == OC_ESTATE || rc == OC_ENOENT || rc == OC_EPARSE ||
        rc == OC_EINVAL) {
        (void)snprintf(p->note, sizeof p->note, "cannot be sent: %s", oc_strerror(rc));
        return PARCEL_IMPOSSIBLE;
    }
    if (rc != 0)
        return PARCEL_AWAY; /* ours: no memory, the ledger is busy */
    (void)snprintf(key, sizeof key, "message-%s", ident_text(p->row.id, id));
    rc = upstream_co_post(env->upstream, to, p->path, key, p->body, p->len, FLOW_FOREVER,
                          flow_arena(), &answer);
    if (rc == OC_EBUSY)
        return PARCEL_BUSY;
    if (rc == 0 && acknowledged(&answer))
        return PARCEL_SENT;
    /* What it says may be about that citizen: nothing that is kept. */
    bool hush = p->row.citizen[0] != '\0';
    if (rc == 0)
        (void)snprintf(p->note, sizeof p->note, "answered %d%s%.90s", answer.status,
                       hush ? "" : ": ", hush ? "" : answer.body);
    else
        (void)snprintf(p->note, sizeof p->note, "%s: %.90s", oc_strerror(rc),
                       upstream_why(env->upstream, to));
    text_trim_utf8(p->note);
    return rc == 0 && says_no(answer.status) ? PARCEL_NO : PARCEL_AWAY;
}
