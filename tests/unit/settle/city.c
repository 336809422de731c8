/* See city.h. */
#include "city.h"
#include "db/db.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_progress(void *arg, date_t date, int64_t postings)
{
    struct city *c = arg;
    (void)date;
    (void)postings;
    if (++c->progress == c->progress_cancel)
        flow_cancel(flow_self());
}

int city_setup(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = calloc(1, sizeof *c);
    if (!c)
        return -1;
    *state = c;
    int rc = fixture_open(&c->f);
    if (!rc)
        rc = crypto_new(NULL, &c->crypto);
    if (!rc)
        rc = pool_new(&c->pool, "settle", 2, 16, NULL, NULL);
    fixture_path(&c->f, "settlement", c->dir);
    c->env = (struct settle_env){.ledger = c->f.l,
                                 .pool = c->pool,
                                 .crypto = c->crypto,
                                 .clock = &c->f.clock.clock,
                                 .dir = c->dir,
                                 .city_offset_min = 480,
                                 .progress = on_progress,
                                 .progress_arg = c};
    memset(c->env.key, 0x42, sizeof c->env.key);
    log_set_level(LOG_ERROR);
    log_set_stream(fopen("/dev/null", "w"));
    return rc;
}

int city_teardown(void **state)
{
    ROLE_ENTER_WORKER();
    struct city *c = *state;
    pool_free(&c->pool);
    crypto_free(&c->crypto);
    fixture_close(&c->f);
    free(c);
    return 0;
}

static CO_FN int run_flow(void *arg)
{
    struct city *c = arg;
    return settle_co_run(&c->env, c->date, c->preview, &c->rep);
}

static CO_FN int verify_flow(void *arg)
{
    struct city *c = arg;
    return settle_co_verify(&c->env, c->date, &c->rep);
}

static CO_FN int due_flow(void *arg)
{
    struct city *c = arg;
    return settle_co_due(&c->env, c->due, c->due_cap, &c->due_n);
}

int city_run(struct city *c, date_t date)
{
    c->date = date;
    c->preview = false;
    return fixture_flow(&c->f, run_flow, c);
}

int city_preview(struct city *c, date_t date)
{
    c->date = date;
    c->preview = true;
    return fixture_flow(&c->f, run_flow, c);
}

int city_verify(struct city *c, date_t date)
{
    c->date = date;
    return fixture_flow(&c->f, verify_flow, c);
}

int city_due(struct city *c, unsigned cap)
{
    c->due_cap = cap;
    return fixture_flow(&c->f, due_flow, c);
}

int city_close_day(struct city *c, date_t date)
{
    ROLE_ENTER_WORKER();
    fixture_wait(&c->f, 1);
    fixture_op(&c->f, LOP_DAY_CLOSE)->day_close.date = date;
    int rc = fixture_do(&c->f);
    fixture_wait(&c->f, 120);
    return rc;
}

const char *city_days(const char *text, char out[64])
{
    size_t n = 0;
    for (; *text && n + 12 < 64; text++) {
        if (*text != '@') {
            out[n++] = *text;
            continue;
        }
        date_text(date_add(FIXTURE_DAY, *++text - '1'), out + n);
        n += 10;
    }
    out[n] = '\0';
    return out;
}

const char *city_path(const struct city *c, const char *path, char out[512])
{
    char days[64];
    (void)snprintf(out, 512, "%s/%s", c->dir, city_days(path, days));
    return out;
}

const char *city_read(struct city *c, const char *path)
{
    char full[512];
    size_t n = 0;
    FILE *file = fopen(city_path(c, path, full), "r");
    if (file) {
        n = fread(c->text, 1, sizeof c->text - 1, file);
        (void)fclose(file);
    }
    c->text[n] = '\0';
    return c->text;
}

bool city_there(struct city *c, const char *path)
{
    struct stat st;
    char full[512];
    return stat(city_path(c, path, full), &st) == 0;
}

int city_write(struct city *c, const char *path, const char *text, const char *mode)
{
    char full[512];
    FILE *file = fopen(city_path(c, path, full), mode);
    if (!file)
        return OC_EIO;
    (void)fputs(text, file);
    return fclose(file) ? OC_EIO : 0;
}

void city_forget(struct city *c, const char *day)
{
    char full[512];
    DIR *d = opendir(city_path(c, day, full));
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        (void)closedir(d);
    (void)rmdir(full);
}

int city_sql(struct city *c, const char *sql)
{
    ROLE_ENTER_WORKER();
    struct db *db = NULL;
    fixture_stop(&c->f);
    int rc = db_open(c->f.path, DB_WRITE, &db);
    struct db_q q;
    if (!rc) {
        db_q(&q, db, sql);
        rc = db_end(&q);
    }
    db_close(&db);
    if (!rc)
        rc = fixture_start(&c->f);
    c->env.ledger = c->f.l;
    return rc;
}

static void leg(struct op_intent *in, enum acct_kind kind, const char *owner, fen_t amount)
{
    struct leg *l = &in->legs[in->leg_count++];
    l->kind = (uint8_t)kind;
    (void)snprintf(l->owner, sizeof l->owner, "%s", owner);
    l->amount = amount;
}

struct op_intent *city_ride(struct city *c, unsigned card, fen_t gross, fen_t borne)
{
    struct op_intent *in = fixture_purchase(&c->f, card, gross - borne);
    (void)snprintf(in->service, sizeof in->service, "transit.ride");
    (void)snprintf(in->terminal, sizeof in->terminal, "T3");
    (void)snprintf(in->participant, sizeof in->participant, "P2");
    in->sam[5] = 3;
    in->card_type = 9;
    in->gross = gross;
    in->leg_count = 0;
    leg(in, ACCT_PURSE, "", borne - gross);
    leg(in, ACCT_MERCHANT, "P2", gross);
    if (borne)
        leg(in, ACCT_BEARER, "treasury", -borne);
    return in;
}
