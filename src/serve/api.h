/* One API call: what handlers share. A handler reads the body by a table of fields, asks, and
 * leaves c->reply; or it fails with one clear error. The dispatcher in api.c does the rest. */
#ifndef SERVE_API_H
#define SERVE_API_H

#include "serve/internal.h"

#define API_VARS      3
#define API_LIMIT     100
#define API_LIMIT_MAX 500
#define API_PAGE      16 /* rows of transactions read at one time: they are large */

struct api_call {
    struct serve *s;
    struct http_req *req;
    const char *who;            /* the operator (R20) */
    const char *vars[API_VARS]; /* what stands for the * of the pattern */
    json_t *body;               /* an object; NULL where the method has none */
    json_t *reply;              /* the handler's, given up by it */
    const char *text;           /* instead of it: a plain text, in the flow's arena */
    int status;                 /* 200 unless set */
    unsigned missed;            /* json_missed() when it began */
};

struct api_route {
    const char *method, *pattern; /* "/v1/cards/ * / *", without the blanks */
    int (*co_handle)(struct api_call *c);
    const char *const *query; /* the query's members that it knows; NULL: none */
};
#define API_QUERY(...) ((const char *const[]){__VA_ARGS__, NULL})
/* One table a noun, ended by a row without method. */
extern const struct api_route api_status_routes[], api_participant_routes[], api_terminal_routes[],
    api_key_routes[], api_card_routes[], api_denylist_routes[], api_request_routes[],
    api_txn_routes[], api_account_routes[], api_settle_routes[], api_ledger_routes[],
    api_remote_routes[], api_offline_routes[], api_outbox_routes[], api_citizen_routes[], api_code_routes[], api_copy_routes[],
    api_doubt_routes[], api_payment_routes[];

/* ---- memory (json_memory.c) ---- */
/** Watches jansson's allocations: what it has no memory for it leaves out of an object without a
 * word. Once a process. */
void json_watch_memory(void);
/** Rises with each allocation that failed. */
unsigned json_missed(void);

/* ---- the dispatcher's parts, for another door (partner.c) ---- */
/** Matches a path against a pattern whose segments are words or '*'. Variables are copied to the
 * flow's arena. */
bool api_match(const char *pattern, const char *path, struct api_call *c);
/** Fills c->body from the request. */
int api_parse_body(struct api_call *c);
/** Sends c->reply or c->text; in place of a reply that memory ran out for, in whole or in part, a
 * constant one that says so. */
void api_send(struct api_call *c);
/** Gives up what a call holds: for flow_defer(). */
void api_drop(void *arg);

/* ---- errors: each fills the reply and returns OC_EREFUSED, so that handlers return it ---- */
int api_fail(struct api_call *c, int status, const char *code, const char *fmt, ...)
    PRINTF_FN(4, 5);
/** What a ledger read or operation said; `what` names the thing for people. 0 passes. */
int api_failed(struct api_call *c, int rc, const char *what);
/** The same after ledger_co_submit: a refusal carries its reason. */
int api_submit_failed(struct api_call *c, int rc, const struct ledger_op *op);
int api_no_memory(struct api_call *c);

/* ---- the body ---- */
enum field_kind {
    FIELD_TEXT,   /* char[size] */
    FIELD_INT,    /* int64_t, min … max */
    FIELD_BOOL,   /* bool */
    FIELD_DATE,   /* date_t, "YYYY-MM-DD" */
    FIELD_HEX,    /* uint8_t[size], exactly */
    FIELD_JSON,   /* json_t *, borrowed: an object, an array or a text: the handler looks */
    FIELD_OBJECT, /* json_t *, borrowed: an object */
    FIELD_ARRAY   /* json_t *, borrowed: an array */
};
struct field {
    const char *name;
    enum field_kind kind;
    void *out;
    size_t size;
    bool required;
    int64_t min, max;
    bool *present; /* may be NULL */
};
/** Reads the body by the table: unknown names, wrong kinds and missing ones are answered 400. */
int api_fields(struct api_call *c, const struct field *fields, size_t count);
/** The same for an object inside; `where` names it ("holder"). */
int api_object_fields(struct api_call *c, json_t *object, const char *where,
                      const struct field *fields, size_t count);

/* ---- the query ---- */
/** Is each member of the query one of `known` (may be NULL), and there once? Else it is answered
 * 400: nobody guesses what a filter that is not known was to leave out. */
int api_query_known(struct api_call *c, const char *const *known);
/** ?limit=, 1 … 500, 100 when absent. */
int api_limit(struct api_call *c, unsigned *ret_limit);
/** A number; `dflt` when absent. */
int api_query_int(struct api_call *c, const char *name, int64_t dflt, int64_t *ret);
/** A transaction id; 0 when absent. */
int api_query_txn(struct api_call *c, const char *name, int64_t *ret);
/** {"items": list, "next": cursor or null}; takes both over. */
json_t *api_page(json_t *list, json_t *next);
/** "did you mean …" beside a wrong word; "" where nothing is near. `words` NULL-terminated. */
const char *api_hint(const char *wrong, const char *const *words);
/** Is this an id that people can type: letters, digits, . _ -, 1 to 31, no dot at the beginning? */
bool api_id_ok(const char *id);
/** A new operation of that type, signed by the operator, in the flow's arena. NULL: answered. */
struct ledger_op *api_op(struct api_call *c, enum ledger_op_type type);
/* ---- terminals over the network (api_remote.c) ---- */
/** How the terminal proves itself; null: it never had a token. */
json_t *api_co_identity(struct api_call *c, const char *id) CO_FN;
json_t *api_session(const struct serve *s, const struct session_info *r);
/* ---- requests (api_request.c) ---- */
/** "params": an object of texts and whole numbers. */
int api_read_params(struct api_call *c, json_t *params, struct txn_request *r);
/** "document" goes along as it was written, but compact: equal documents are one request. It is the
 * caller's to free(). */
int api_read_document(struct api_call *c, json_t *document, struct txn_request *r);
/* ---- doubts (api_doubt.c) ---- */
/** How one person proposed that this doubt ends, as long as it holds; null: nobody did. */
json_t *api_co_doubt_proposal(struct api_call *c, const struct txn_row *row) CO_FN;
/* ---- citizens (api_citizen.c, api_export.c) ---- */
json_t *api_citizen_json(const struct serve *s, const struct citizen_row *row);
json_t *api_person_json(const struct holder *h);
/** The citizen of the path. Answers where there is none. */
int api_co_citizen(struct api_call *c, struct citizen_row **ret) CO_FN;
/** Writes that the caller looks at this citizen's data; answers where that cannot be written. */
int api_co_look(struct api_call *c, const char *citizen, const char *what, const char *why) CO_FN;
/** POST /v1/citizens/ID/export. */
int api_co_export(struct api_call *c) CO_FN;
/* ---- records of offline terminals (api_offline.c) ---- */
/** The first of a card's records that are held; an array. */
json_t *api_co_held_records(struct api_call *c, int64_t card) CO_FN;
/* ---- cards ---- */
#define SERIAL_WORDS                                                                               \
    "\"serial\" must be 20 hexadecimal digits, 16 for an 8-byte serial, or a shorter decimal "     \
    "number"
/** An application serial number as people write it. OC_EINVAL. */
int serial_parse(const char *text, uint8_t ret[OC_SERIAL_LEN]) MUST_USE;
/** Is there this profile, and has it this category ("" passes)? Answers 400 where not. */
int profile_check(struct api_call *c, const char *profile, const char *category);
/** The card of a path's REF: issuer-serial, serial, printed number, or "c123". Answers where there
 * is none. */
int api_co_card(struct api_call *c, const char *ref, struct card_row **ret) CO_FN;
/** "kind" and "holder" go together. */
int api_card_kind(struct api_call *c, const char *text, bool holder, uint8_t *ret);
/** Reads "holder" and writes the citizen; `h` and `ret_id` are filled. */
int api_co_holder(struct api_call *c, json_t *object, struct holder *h,
                  char ret_id[LEDGER_ID]) CO_FN;

#endif
