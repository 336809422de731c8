/* The bureau's bad day: a list with duplicates, unknown citizens and a wrong total, read as the
 * clerk's command reads it, checked and paid through the switch. */
#include "bad_city.h"

#include "benefit_list.h"

static const char list_text[] = "batch,pension-11\nprogram,pension\nfund,fund-pension\n"
                                "count,5\ntotal,600.00\nline,citizen,amount\n"
                                "1,c1,100.00\n"
                                "2,c2,150.00\n"
                                "3,c1,100.00\n"    /* a citizen twice */
                                "2,c9,50.00\n"     /* a line's number twice */
                                "5,nobody,70.00\n" /* nobody knows him */
                                "6,c2,12.345\n";   /* no amount */
static struct benefit_list list;

static void read_list(void)
{
    char path[128];
    ROLE_ENTER_WORKER();
    snprintf(path, sizeof path, "%s/list.csv", c.dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(list_text, f);
    assert_int_equal(fclose(f), 0);
    memset(&list, 0, sizeof list);
    assert_int_equal(benefit_list_read(&list, path), 0);
}

static struct txn_request line_request(const struct benefit_line *l)
{
    static char number[24];
    snprintf(number, sizeof number, "%lld", (long long)l->number);
    return with("social.benefit_line", "bureau", l->fen, "batch", list.batch, "line", number,
                "citizen", l->who, NULL);
}

static struct txn_request batch(const char *action, const char *count, const char *total)
{
    struct txn_request q = with("social.benefit_batch", "bureau", 0, "batch", list.batch, "action",
                                action, "fund", list.fund, NULL);
    if (count) {
        city_param(&q, "count", count);
        city_param(&q, "total", total);
    }
    return q;
}

struct plan_run {
    struct txn_request req;
    struct txn_result res;
};
static int run_plan(void *arg) CO_FN;
static int run_plan(void *arg)
{
    struct plan_run *p = arg;
    struct buf out;
    buf_init(&out, 65536);
    int rc = txn_co_plan(&c.env, NULL, &p->req, &p->res, &out);
    buf_fini(&out);
    return rc;
}

/* What is wrong with a line that the list itself cannot tell: shown, not done. */
static void check_lines(void)
{
    static struct plan_run p;
    for (size_t i = 0; i < list.line_count; i++) {
        if (list.lines[i].outcome[0] != '\0')
            continue;
        p.req = line_request(&list.lines[i]);
        assert_int_equal(loop_run_flow(c.loop, "plan", run_plan, &p), 0);
        if (p.res.reason == OC_R_NO_CITIZEN)
            benefit_line_bad(&list.lines[i], "%s", p.res.detail);
    }
}

static unsigned bad_lines(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < list.line_count; i++)
        n += strcmp(list.lines[i].outcome, "bad") == 0 && list.lines[i].why[0] != '\0';
    return n;
}

static void paid_once(void)
{
    assert_int_equal(holds(ACCT_CITIZEN, "c1"), 10000);
    assert_int_equal(holds(ACCT_CITIZEN, "c2"), 15000);
    assert_int_equal(holds(ACCT_BEARER, "fund-pension"), -25000);
}

static void
R14_a_list_with_duplicates_strangers_and_a_wrong_total_pays_the_good_lines_once(void **state)
{
    (void)state;
    read_list();
    assert_int_not_equal(list.total, list.real_total);
    assert_int_not_equal(list.count, (int64_t)list.line_count);
    int64_t before = city_journal(&c);
    check_lines();
    assert_int_equal(city_journal(&c), before); /* looked at, nothing written */
    assert_int_equal(list.line_count, 6);
    assert_int_equal(bad_lines(), 4);
    assert_int_equal(holds(ACCT_BEARER, "fund-pension"), 0);
    /* A person says to pay the good ones all the same. */
    good(bare(batch("open", "6", "470.00")));
    for (size_t i = 0; i < list.line_count; i++)
        if (list.lines[i].outcome[0] == '\0')
            good(bare(line_request(&list.lines[i])));
    paid_once();
    const struct txn_result *r = good(bare(batch("show", NULL, NULL)));
    assert_int_equal(told(r, "paid"), 2);
    assert_int_equal(told(r, "unpaid"), 4);
    /* Broken off and sent again, the bad lines by force: nobody gets anything twice. */
    good(bare(line_request(&list.lines[0])));
    good(bare(line_request(&list.lines[1])));
    no(OC_R_DUPLICATE, bare(line_request(&list.lines[2])));
    no(OC_R_NO_CITIZEN, bare(line_request(&list.lines[3])));
    no(OC_R_NO_CITIZEN, bare(line_request(&list.lines[4])));
    paid_once();
    good(bare(batch("close", NULL, NULL)));
    assert_int_equal(events("benefit_batch_closed"), 1);
    benefit_list_fini(&list);
    books_close();
}

static void R14_a_batch_pays_no_fen_beyond_what_its_paper_declares(void **state)
{
    static const struct {
        const char *count, *total;
        enum oc_reason second;
    } papers[] = {
        {"2", "249.99", OC_R_LIMIT}, {"1", "250.00", OC_R_LIMIT}, {"2", "250.00", OC_R_NONE}};
    (void)state;
    read_list();
    for (size_t i = 0; i < ARRAY_LEN(papers); i++) {
        snprintf(list.batch, sizeof list.batch, "p%zu", i);
        good(bare(batch("open", papers[i].count, papers[i].total)));
        good(bare(line_request(&list.lines[0])));
        const struct txn_result *r = bare(line_request(&list.lines[1]));
        if (papers[i].second != OC_R_NONE)
            no(papers[i].second, r);
        else
            good(r);
    }
    assert_int_equal(holds(ACCT_BEARER, "fund-pension"), -45000);
    no(OC_R_CONFLICT, bare(batch("open", "3", "250.00"))); /* another paper of the same name */
    benefit_list_fini(&list);
    books_close();
}

static void R2_the_same_line_sent_twice_at_one_moment_is_paid_once(void **state)
{
    static struct city_side a, b;
    (void)state;
    read_list();
    good(bare(batch("open", "6", "470.00")));
    reader_sim_remove(c.sim);
    struct txn_request q = line_request(&list.lines[0]);
    city_side_init(&a, &c, c.sim, &q);
    q = line_request(&list.lines[0]);
    city_side_init(&b, &c, second, &q);
    at_once(&a, &b);
    assert_int_equal(a.res.outcome, OC_POSTED);
    assert_int_equal(b.res.outcome, OC_POSTED);
    assert_int_equal(
        (strstr(a.res.reply, "\"now\"") != NULL) + (strstr(b.res.reply, "\"now\"") != NULL), 1);
    assert_int_equal(holds(ACCT_CITIZEN, "c1"), 10000);
    assert_int_equal(told(good(bare(batch("show", NULL, NULL))), "paid"), 1);
    benefit_list_fini(&list);
    books_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BAD(R14_a_list_with_duplicates_strangers_and_a_wrong_total_pays_the_good_lines_once),
        BAD(R14_a_batch_pays_no_fen_beyond_what_its_paper_declares),
        BAD(R2_the_same_line_sent_twice_at_one_moment_is_paid_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
