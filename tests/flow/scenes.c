#include "scenes.h"

#include <string.h>

static struct city *c;
static char bought[IDENT_TEXT];
static int64_t number, open_txn; /* whose end is looked at, where not the result's */
static fen_t chip_before, moved;

struct txn_request scene_request;
struct txn_result scene_result;

void scenes_open(struct city *city, enum cardsim_profile kind, const char *profile)
{
    c = city;
    city_open(c, kind, profile);
    reader_sim_insert(c->sim, c->card[0]);
    city_do(c, "payment.load", 400000, OC_POSTED, OC_R_NONE);
    log_set_stream(fopen("/dev/null", "w")); /* each failure is an error in the log */
}

void scenes_close(void)
{
    log_set_stream(NULL);
    city_close(c);
}

void scene_lay(void)
{
    reader_sim_remove(c->sim);
    reader_sim_insert(c->sim, c->card[0]);
}

static void ask(const char *service, const char *term, fen_t amount)
{
    scene_lay();
    scene_request = city_request(service, term, amount);
}

static void posted(void)
{
    scene_result = *city_run(c, &scene_request);
    assert_int_equal(scene_result.outcome, OC_POSTED);
}

static void purchase(void)
{
    ask("payment.purchase", "shop", 100);
}

static void load(void)
{
    ask("payment.load", "desk", 100);
}

static void refund(void)
{
    purchase();
    posted();
    ident_text(scene_result.txn, bought);
    ask("payment.refund", "shop", 30);
    city_param(&scene_request, "txn", bought);
}

static void load_pending(void)
{
    refund();
    posted();
    ask("payment.load", "desk", 0);
    city_param(&scene_request, "source", "pending");
}

static void ride(void)
{
    c->clock.ahead_ms += 2000; /* records tell rides apart by the second */
    ask("transit.ride", "bus", 0);
    scene_request.gate = true;
    scene_request.arrival = reader_sim_reader(c->sim)->arrival;
}

static void history(void)
{
    ask("payment.history", "shop", 0);
}

int64_t scene_torn(const char *spec, const char *service, const char *term)
{
    ask(service, term, 100);
    scene_request.request_no = number += 1000; /* the ledger allots the next ones */
    city_fault(c, 0, spec);
    scene_result = *city_run(c, &scene_request);
    assert_int_equal(scene_result.outcome, OC_IN_DOUBT);
    cardsim_fault_clear(c->card[0]);
    open_txn = scene_result.txn;
    return open_txn;
}

static void doubt_of_a_purchase(void)
{
    (void)scene_torn("torn-after@54", "payment.purchase", "shop");
    ask("payment.balance", "shop", 0);
}

static void doubt_of_a_load(void)
{
    (void)scene_torn("torn-before@52", "payment.load", "desk");
    ask("payment.balance", "shop", 0);
}

/* The clerk asks again under the same number: the doubt ends, and what came to nothing is done. */
static void doubt_asked_again(void)
{
    (void)scene_torn("torn-before@54", "payment.purchase", "shop");
    open_txn = 0;
    scene_lay();
}

static void known_number(void)
{
    purchase();
    scene_request.request_no = number += 1000;
    posted();
    open_txn = scene_result.txn;
}

static void torn_and_put_back(void)
{
    purchase();
    scene_request.retap_ms = 1000;
    city_fault(c, 0, "torn-after@54");
    reader_sim_return_after(c->sim, 5);
}

static void wrong_tac(void)
{
    purchase();
    city_fault(c, 0, "wrong-tac");
}

const struct scene scenes[] = {{"purchase", purchase},
                               {"load", load},
                               {"refund", refund},
                               {"load from pending", load_pending},
                               {"ride", ride},
                               {"history", history},
                               {"doubt of a purchase", doubt_of_a_purchase},
                               {"doubt of a load", doubt_of_a_load},
                               {"doubt asked again", doubt_asked_again},
                               {"known number", known_number},
                               {"torn and put back", torn_and_put_back},
                               {"wrong TAC", wrong_tac}};
const size_t scene_count = ARRAY_LEN(scenes);

void scene_begin(const struct scene *s)
{
    open_txn = 0;
    s->before();
    chip_before = city_chip(c, 0);
}

void scene_run(void)
{
    scene_result = *city_run(c, &scene_request);
    cardsim_fault_clear(c->card[0]);
}

static const char *told_wrong(void)
{
    const struct txn_result *r = &scene_result;
    if (r->outcome != OC_POSTED && r->reason == OC_R_NONE)
        return "no reason was told";
    if (open_txn != 0)
        return moved != 0 ? "money moved" : NULL;
    if ((r->outcome == OC_REFUSED || r->outcome == OC_VOIDED) && moved != 0)
        return "it moved though it was refused";
    if (r->outcome == OC_POSTED && r->txn != 0 && city_txn(c, r->txn)->state != OC_TXN_POSTED)
        return "told as posted, its row is not";
    return NULL;
}

static const char *row_wrong(void)
{
    const struct card_row *row = city_card_row(c, 0);
    if (row->purse != city_chip(c, 0))
        return "chip and ledger differ";
    if (row->open_txn != 0 || row->purse_debits_pending != 0 || row->purse_credits_pending != 0 ||
        row->pending_load_reserved != 0)
        return "the card's row keeps something";
    return NULL;
}

const char *scene_wrong(void)
{
    int64_t txn = open_txn != 0 ? open_txn : scene_result.txn;
    moved = city_chip(c, 0) - chip_before;
    const char *wrong = told_wrong();
    if (wrong != NULL)
        return wrong;
    scene_lay();
    if (city_look(c, 0)->outcome != OC_POSTED)
        return "the card cannot be looked at";
    const struct txn_row *t = txn != 0 ? city_txn(c, txn) : NULL;
    if (t != NULL && (t->state == OC_TXN_INTENDED || t->state == OC_TXN_IN_DOUBT))
        return "it is still open";
    if (t != NULL && open_txn == 0 && t->state != OC_TXN_POSTED && moved != 0)
        return "the chip moved, the row did not post";
    wrong = row_wrong();
    if (wrong != NULL)
        return wrong;
    scene_lay();
    struct txn_request next = city_request("payment.purchase", "shop", 1);
    return city_run(c, &next)->outcome == OC_POSTED ? NULL : "the card does not buy any more";
}

void scene_fail(const struct scene *s, const char *how, unsigned n, const char *wrong)
{
    fail_msg("%s, %s %u: %s (told %s/%s: %s; the chip moved %lld)", s->name, how, n, wrong,
             oc_outcome_name(scene_result.outcome), oc_reason_code(scene_result.reason),
             scene_result.detail, (long long)moved);
}
