/* Lending books: a fifth kind of module, written from the documents and built out of the tree.
 *
 * A copy is one record of its own, "book:COPY", written with the version it was read at: of two
 * desks that lend the same copy one is told that it is out. It holds no name. Whose loan it is
 * stands in the reader's own records, sealed under the reader's key: "citizen:ID", "loan/COPY".
 *
 *                borrow: debit, account or (deposit waived) note
 *     in ───────────────────────────────────────────────────────► lent
 *        ◄───────────────────────────────────────────────────────
 *                return: the deposit less the fee goes back; without a deposit a fee is paid
 *
 * The deposit stands on the account DEPOSIT of the copy from the one to the other. */
#include <onecard/module.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS       INT64_C(86400000)
#define COPY_MAX     20 /* bytes of a copy's number: owners of accounts are short */
#define OWNER_MAX    40
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct library {
    fen_t deposit, fee;
    int64_t days, most;
    const char *waivers;
};

/* What one request is about. */
struct loan {
    const struct onecard_host *h;
    const char *copy;
    char book_owner[OWNER_MAX], reader[OWNER_MAX], key[OWNER_MAX], deposit[32];
    uint32_t book_version, loan_version;
    struct onecard_doc *book, *doc; /* doc: the reader's loan; NULL: none */
};

static bool copy_fits(const char *copy)
{
    size_t n = copy ? strlen(copy) : 0;
    return n > 0 && n <= COPY_MAX &&
           strspn(copy, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int begin(const struct onecard_request *req, struct onecard_plan *plan, struct loan *ret)
{
    const struct onecard_host *h = ret->h = req->host;
    ret->copy = h->param_text(req, "copy");
    if (!copy_fits(ret->copy))
        return h->refuse(plan, OC_R_PARAMETER, "copy is a number of at most %d letters and digits",
                         COPY_MAX);
    snprintf(ret->book_owner, sizeof(ret->book_owner), "book:%s", ret->copy);
    snprintf(ret->deposit, sizeof(ret->deposit), "library:%s", ret->copy);
    snprintf(ret->key, sizeof(ret->key), "loan/%s", ret->copy);
    int rc = h->co_doc(req, ret->book_owner, "book", &ret->book_version, &ret->book);
    return rc == OC_ENOENT ? 0 : rc;
}

/* The reader's own record of this copy. */
static int begin_reader(const struct onecard_request *req, struct onecard_plan *plan,
                        struct loan *ret)
{
    int rc = begin(req, plan, ret);
    if (rc)
        return rc;
    if (!ret->book)
        return ret->h->refuse(plan, OC_R_NOT_FOUND, "the library has no copy %s", ret->copy);
    snprintf(ret->reader, sizeof(ret->reader), "citizen:%s", req->citizen);
    rc = ret->h->co_doc(req, ret->reader, ret->key, &ret->loan_version, &ret->doc);
    return rc == OC_ENOENT ? 0 : rc;
}

static int64_t whole(const struct loan *l, const struct onecard_doc *d, const char *member)
{
    int64_t v = 0;
    return l->h->doc_as_int(l->h->doc_get(d, member), &v) == 0 ? v : 0;
}

static const char *text(const struct loan *l, const struct onecard_doc *d, const char *member)
{
    const char *t = l->h->doc_as_text(l->h->doc_get(d, member));
    return t ? t : "";
}

static bool is_lent(const struct loan *l)
{
    return strcmp(text(l, l->book, "state"), "lent") == 0;
}

/* ---- library.add ---- */

static int add(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct library *c = ctx;
    struct loan l = {0};
    int rc = begin(req, plan, &l);
    if (rc)
        return rc;
    if (l.book)
        return l.h->refuse(plan, OC_R_DUPLICATE, "the library has a copy %s already", l.copy);
    const char *yuan = l.h->param_text(req, "deposit"), *title = l.h->param_text(req, "title");
    fen_t deposit = c->deposit;
    if (yuan && (l.h->parse_fen(yuan, &deposit) != 0 || deposit <= 0))
        return l.h->refuse(plan, OC_R_PARAMETER, "deposit is an amount in yuan");
    struct onecard_doc *book = l.h->doc_object(req);
    l.h->doc_set_text(book, "title", title);
    l.h->doc_set_int(book, "deposit_fen", deposit);
    l.h->doc_set_text(book, "state", "in");
    l.h->plan_note(plan);
    l.h->plan_doc(plan, l.book_owner, "book", l.book_version, book);
    l.h->plan_reply_fen(plan, "deposit_fen", deposit);
    return 0;
}

/* ---- library.borrow ---- */

/* Whether any of the configured entitlements is the reader's. Where social security is not loaded
 * nobody's is. *ret_what: which; "" for none. */
static int co_waived(const struct library *c, const struct onecard_request *req, char ret_what[32])
{
    const struct onecard_host *h = req->host;
    ret_what[0] = '\0';
    for (const char *w = c->waivers; w && *w;) {
        char what[32];
        size_t n = strcspn(w, " ");
        struct onecard_doc *params = h->doc_object(req), *reply = NULL;
        snprintf(what, sizeof(what), "%.*s", (int)n, w);
        w += n + strspn(w + n, " ");
        if (!*what)
            continue;
        h->doc_set_text(params, "what", what);
        h->doc_set_text(params, "citizen", req->citizen);
        int rc = h->co_ask(req, NULL, "social.eligible", params, &reply);
        if (rc == OC_ENOENT)
            return 0;
        if (rc == OC_EREFUSED) /* that city grants no such thing, or does not know this reader */
            continue;
        if (rc)
            return rc;
        if (h->doc_as_bool(h->doc_get(reply, "eligible"), false)) {
            snprintf(ret_what, 32, "%s", what);
            return 0;
        }
    }
    return 0;
}

/* Books that this reader has: at most `most` are counted. */
static int co_count(const struct loan *l, const struct onecard_request *req, int64_t most,
                    int64_t *ret)
{
    char key[40] = "";
    for (*ret = 0; *ret < most; (*ret)++) {
        uint32_t version;
        struct onecard_doc *d;
        int rc = l->h->co_next_doc(req, l->reader, "loan/", key, &version, &d);
        if (rc)
            return rc == OC_ENOENT ? 0 : rc;
    }
    return 0;
}

static int take_deposit(const struct onecard_request *req, struct onecard_plan *plan,
                        const struct loan *l, fen_t deposit, bool account)
{
    if (account) {
        fen_t holds = 0;
        int rc = l->h->co_account(req, OC_ACCT_CITIZEN, req->citizen, &holds);
        if (rc)
            return rc;
        if (holds < deposit)
            return l->h->refuse(plan, OC_R_FUNDS, "the reader's account has less than the deposit");
        l->h->plan_account(plan, deposit);
        l->h->plan_leg(plan, OC_ACCT_CITIZEN, req->citizen, -deposit);
    } else {
        l->h->plan_debit(plan, deposit);
    }
    l->h->plan_leg(plan, OC_ACCT_DEPOSIT, l->deposit, deposit);
    return 0;
}

/* Where money comes from or goes to: the account where that is said, or no chip is there. */
static bool wants_account(const struct onecard_request *req)
{
    const char *pay = req->host->param_text(req, "pay");
    return pay ? strcmp(pay, "account") == 0 : req->presented != OC_PRESENTED_CHIP;
}

/* A reading room lends for minutes: its terminals say so. */
static int64_t due_ms(const struct library *c, const struct onecard_request *req)
{
    const char *minutes = req->host->terminal_param(req, "loan_minutes");
    return req->now_ms + (minutes ? (int64_t)strtoul(minutes, NULL, 10) * 60000 : c->days * DAY_MS);
}

static void lend(const struct onecard_request *req, struct onecard_plan *plan, struct loan *l,
                 int64_t due, fen_t deposit, const char *from)
{
    struct onecard_doc *d = l->h->doc_object(req);
    l->h->doc_set_text(d, "title", text(l, l->book, "title"));
    l->h->doc_set_int(d, "due_ms", due);
    l->h->doc_set_int(d, "deposit_fen", deposit);
    l->h->doc_set_text(d, "from", from);
    l->h->doc_set_text(l->book, "state", "lent");
    l->h->plan_doc(plan, l->book_owner, "book", l->book_version, l->book);
    l->h->plan_doc(plan, l->reader, l->key, l->loan_version, d);
    l->h->plan_reply_int(plan, "due_ms", due);
    l->h->plan_reply_fen(plan, "deposit_fen", deposit);
}

static int borrow(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct library *c = ctx;
    struct loan l = {0};
    char waived[32];
    int64_t has = 0;
    int rc = begin_reader(req, plan, &l);
    if (rc)
        return rc;
    if (is_lent(&l))
        return l.h->refuse(plan, OC_R_WRONG_STATE, "copy %s is lent", l.copy);
    rc = co_count(&l, req, c->most, &has);
    if (rc)
        return rc;
    if (has >= c->most)
        return l.h->refuse(plan, OC_R_LIMIT, "%lld books are out already", (long long)has);
    rc = co_waived(c, req, waived);
    if (rc)
        return rc;
    bool account = wants_account(req);
    fen_t deposit = *waived ? 0 : whole(&l, l.book, "deposit_fen");
    if (deposit > 0) {
        rc = take_deposit(req, plan, &l, deposit, account);
        if (rc)
            return rc;
    } else {
        l.h->plan_note(plan);
        l.h->plan_reply_text(plan, "waived", waived);
    }
    lend(req, plan, &l, due_ms(c, req), deposit, deposit == 0 ? "" : account ? "account" : "purse");
    return 0;
}

/* ---- library.return ---- */

/* Begun days count. */
static fen_t overdue(const struct library *c, const struct onecard_request *req, int64_t due)
{
    int64_t late = req->now_ms - due;
    return late <= 0 ? 0 : (late + DAY_MS - 1) / DAY_MS * c->fee;
}

/* The deposit goes where it came from: an account, or the pending load of the card, which a load
 * brings onto the chip. */
static void give_back(const struct onecard_request *req, struct onecard_plan *plan,
                      const struct loan *l, fen_t deposit, fen_t fee)
{
    bool account = strcmp(text(l, l->doc, "from"), "account") == 0;
    l->h->plan_account(plan, deposit);
    l->h->plan_leg(plan, OC_ACCT_DEPOSIT, l->deposit, -deposit);
    if (fee > 0)
        l->h->plan_leg(plan, OC_ACCT_FEE, req->terminal.participant, fee);
    if (deposit > fee)
        l->h->plan_leg(plan, account ? OC_ACCT_CITIZEN : OC_ACCT_PENDING_LOAD,
                       account ? req->citizen : "", deposit - fee);
    l->h->plan_reply_text(plan, "returned_to", account ? "account" : "pending load");
}

static void take_fee(const struct onecard_request *req, struct onecard_plan *plan,
                     const struct loan *l, fen_t fee)
{
    if (fee == 0) {
        l->h->plan_note(plan);
        return;
    }
    if (wants_account(req)) {
        l->h->plan_account(plan, fee);
        l->h->plan_leg(plan, OC_ACCT_CITIZEN, req->citizen, -fee);
    } else {
        l->h->plan_debit(plan, fee);
    }
    l->h->plan_leg(plan, OC_ACCT_FEE, req->terminal.participant, fee);
}

static int give(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct library *c = ctx;
    struct loan l = {0};
    int rc = begin_reader(req, plan, &l);
    if (rc)
        return rc;
    if (!l.doc)
        return l.h->refuse(plan, OC_R_NOT_FOUND, "this reader has no copy %s", l.copy);
    fen_t deposit = whole(&l, l.doc, "deposit_fen");
    fen_t fee = overdue(c, req, whole(&l, l.doc, "due_ms"));
    if (deposit > 0) {
        fee = fee < deposit ? fee : deposit;
        if (!req->card && strcmp(text(&l, l.doc, "from"), "purse") == 0)
            return l.h->refuse(plan, OC_R_NO_CARD, "the deposit goes back to a card");
        give_back(req, plan, &l, deposit, fee);
    } else {
        take_fee(req, plan, &l, fee);
    }
    l.h->doc_set_text(l.book, "state", "in");
    l.h->plan_doc(plan, l.book_owner, "book", l.book_version, l.book);
    l.h->plan_doc_remove(plan, l.reader, l.key, l.loan_version);
    l.h->plan_reply_fen(plan, "fee_fen", fee);
    l.h->plan_reply_fen(plan, "returned_fen", deposit > 0 ? deposit - fee : 0);
    return 0;
}

/* ---- library.loans ---- */

static int loans(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
{
    const struct library *c = ctx;
    struct loan l = {.h = req->host};
    struct onecard_doc *list = l.h->doc_array(req);
    char key[40] = "";
    snprintf(l.reader, sizeof(l.reader), "citizen:%s", req->citizen);
    for (int64_t i = 0; i < c->most; i++) {
        uint32_t version;
        struct onecard_doc *d;
        int rc = l.h->co_next_doc(req, l.reader, "loan/", key, &version, &d);
        if (rc == OC_ENOENT)
            break;
        if (rc)
            return rc;
        struct onecard_doc *item = l.h->doc_object(req);
        l.h->doc_set_text(item, "copy", key + strlen("loan/"));
        l.h->doc_set_text(item, "title", text(&l, d, "title"));
        l.h->doc_set_int(item, "due_ms", whole(&l, d, "due_ms"));
        l.h->doc_set_int(item, "fee_fen", overdue(c, req, whole(&l, d, "due_ms")));
        l.h->doc_set(list, NULL, item);
    }
    l.h->plan_reply_doc(plan, "loans", list);
    return 0;
}

/* ---- what is exported ---- */

static int load(const struct onecard_host *h, const struct onecard_conf *conf, void **ret_ctx)
{
    struct library *c = *ret_ctx = calloc(1, sizeof(*c));
    if (!c)
        return OC_ENOMEM;
    c->deposit = h->conf_fen(conf, "deposit");
    c->fee = h->conf_fen(conf, "fee");
    c->days = h->conf_int(conf, "days");
    c->most = h->conf_int(conf, "most");
    c->waivers = h->conf_text(conf, "waivers");
    return 0;
}

static const struct onecard_conf_item items[] = {
    {"deposit", ONECARD_CONF_FEN, "50.00", "Deposit for a copy, where it has none of its own.", 1,
     1000000},
    {"fee", ONECARD_CONF_FEN, "0.10", "For each day begun after a loan was due.", 1, 10000},
    {"days", ONECARD_CONF_INT, "28", "How long a copy is lent.", 1, 365},
    {"most", ONECARD_CONF_INT, "10", "Most copies that one reader has.", 1, 20},
    {"waivers", ONECARD_CONF_TEXT, "elder disabled",
     "Entitlements of social.eligible, with blanks between, that need no deposit.", 0, 200}};

static const struct onecard_param add_params[] = {
    {"copy", "number of the copy", true},
    {"title", "its title", true},
    {"deposit", "in yuan; the configuration's by default", false}};
static const struct onecard_param borrow_params[] = {
    {"copy", "number of the copy", true},
    {"pay", "purse or account: where the deposit comes from", false},
    {"citizen", "the reader, where no card is presented", false}};
static const struct onecard_param return_params[] = {
    {"copy", "number of the copy", true},
    {"pay", "purse or account: where an overdue fee comes from", false},
    {"citizen", "the reader, where no card is presented", false}};
static const struct onecard_param loans_params[] = {
    {"citizen", "the reader, where no card is presented", false}};

#define PARAMS(p) .params = (p), .param_count = ARRAY_LEN(p)
static const struct onecard_service add_service = {.size = sizeof(add_service),
                                                   .name = "library.add",
                                                   .title_en = "A new copy",
                                                   .title_zh = "图书入藏",
                                                   .needs = OC_NEEDS_OPERATOR,
                                                   PARAMS(add_params),
                                                   .decide = add};
static const struct onecard_service borrow_service = {.size = sizeof(borrow_service),
                                                      .name = "library.borrow",
                                                      .title_en = "Borrow a book",
                                                      .title_zh = "借书",
                                                      .needs = OC_NEEDS_CARD | OC_NEEDS_CITIZEN |
                                                               OC_NEEDS_OPERATOR | OC_TAKES_NUMBER,
                                                      PARAMS(borrow_params),
                                                      .decide = borrow};
static const struct onecard_service return_service = {.size = sizeof(return_service),
                                                      .name = "library.return",
                                                      .title_en = "Return a book",
                                                      .title_zh = "还书",
                                                      .needs = OC_NEEDS_CITIZEN |
                                                               OC_NEEDS_OPERATOR | OC_TAKES_NUMBER,
                                                      PARAMS(return_params),
                                                      .decide = give};
static const struct onecard_service loans_service = {.size = sizeof(loans_service),
                                                     .name = "library.loans",
                                                     .title_en = "What a reader has",
                                                     .title_zh = "借阅查询",
                                                     .needs = OC_NEEDS_CITIZEN | OC_TAKES_NUMBER,
                                                     PARAMS(loans_params),
                                                     .decide = loans};
static const struct onecard_service *const services[] = {&add_service, &borrow_service,
                                                         &return_service, &loans_service};

ONECARD_EXPORT const struct onecard_module onecard_module = {.abi_major = ONECARD_ABI_MAJOR,
                                                             .abi_minor = ONECARD_ABI_MINOR,
                                                             .size = sizeof(struct onecard_module),
                                                             .name = "library",
                                                             .version = "1.0",
                                                             .title_en = "Library",
                                                             .title_zh = "图书馆",
                                                             .conf_items = items,
                                                             .conf_count = ARRAY_LEN(items),
                                                             .load = load,
                                                             .unload = free,
                                                             .services = services,
                                                             .service_count = ARRAY_LEN(services)};
