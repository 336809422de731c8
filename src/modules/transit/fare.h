/* What a ride costs (R17): a pure function of the table, the ride, what the card has ridden before
 * and the claim to a concession. No clock, no memory, no host: the same fare comes out at an
 * offline gate, at the switch, at a clerk's desk and in a comparison of two tables.
 *
 * The order in which a price becomes a fare, each step taking its part off what the last one left,
 * each rounded half up to the fen for the citizen:
 *
 *   base (flat, zones, distance, pair; or the gate's own) -> hours -> concession -> month's steps
 *        -> transfer -> day's cap -> month's cap -> + surcharge (over-time), which nothing lessens
 *
 * A period pass takes the place of all but the surcharge. Each part taken off has a bearer (R14).
 */
#ifndef TRANSIT_FARE_H
#define TRANSIT_FARE_H

#include "fare_time.h"

#include <onecard/types.h>

#include <stddef.h>

#define FARE_NAME         32
#define FARE_TITLE        64
#define FARE_CONCESSIONS  16
#define FARE_STATIONS_MAX 512
#define FARE_PAIRS_MAX    4096
#define FARE_LINES_MAX    512
#define FARE_BANDS_MAX    32
#define FARE_HOURS_MAX    8
#define FARE_STEPS_MAX    8
#define FARE_PASSES_MAX   8
#define FARE_SHARES_MAX   4
#define FARE_CUTS_MAX     6
#define FARE_HELD_MAX     4 /* passes that a card holds */
#define FARE_OWN_MAX      4 /* tables with sums of their own on one card */
#define FARE_LEGS_MAX     7

/* ---- the table ------------------------------------------------------------------------------- */

/** Who bears what is taken off; in percent, 100 in all. None at all: the ride's own operator. */
struct fare_share {
    char owner[FARE_NAME]; /* "": the operator of the ride */
    bool bearer;           /* a concession bearer's account; else an operator's */
    unsigned percent;
};
struct fare_sharing {
    struct fare_share items[FARE_SHARES_MAX];
    unsigned count;
};

enum fare_period { FARE_PER_DAY = 1, FARE_PER_MONTH, FARE_PER_YEAR };
/** Who rides for less. */
struct fare_concession {
    char category[FARE_NAME];
    struct fare_sharing borne;
    unsigned percent; /* paid by the citizen, 0 … 100 */
    unsigned quota;   /* rides at that price in a period; 0: any number */
    enum fare_period per;
    unsigned beyond; /* paid, in percent, when they are used up */
};

enum fare_kind { FARE_FLAT = 1, FARE_ZONES, FARE_DISTANCE };
struct fare_line {
    uint32_t id;
    fen_t fare;
};
struct fare_station {
    uint32_t id;
    int32_t zone;
    char name[FARE_TITLE];
};
struct fare_band {
    int64_t up_to; /* zones crossed, the first counted; or metres. INT64_MAX: any */
    fen_t fare;
};
struct fare_pair {
    uint32_t from, to; /* either way */
    fen_t fare;
};
struct fare_hours {
    unsigned days;    /* bit 0: Monday */
    int32_t from, to; /* seconds of the day, `to` not included */
    unsigned percent; /* paid */
};
struct fare_step {
    fen_t over;       /* already paid in the month */
    unsigned percent; /* paid of a ride that begins there */
};
struct fare_pass_kind {
    char id[FARE_NAME], title[FARE_TITLE];
    fen_t price;
    unsigned days;            /* from its first day */
    unsigned rides;           /* 0: any number */
    fen_t up_to;              /* covers rides up to this price; 0: any */
    char category[FARE_NAME]; /* sold to this concession's holders only; "": to anybody */
    char eligible[FARE_NAME]; /* what social.eligible must confirm; "": nothing */
    struct fare_sharing borne;
};
/** A price for what is not an ordinary ride; without one the card is sent to the desk. */
struct fare_special {
    bool set;
    int64_t seconds; /* within, or after */
    fen_t fare;
};

struct fare_table {
    char name[FARE_NAME], title[FARE_TITLE], title_zh[FARE_TITLE];
    char file[256];
    int32_t from, until; /* days of entry it holds for, both included; until 0: open */
    enum fare_kind kind;
    fen_t flat;
    struct fare_line lines[FARE_LINES_MAX];
    unsigned line_count;
    struct fare_station stations[FARE_STATIONS_MAX]; /* by id */
    unsigned station_count;
    int32_t *metres; /* station_count squared; -1: no way. NULL: none were given */
    struct fare_band bands[FARE_BANDS_MAX];
    unsigned band_count;
    struct fare_pair *pairs; /* by from, to; from <= to */
    unsigned pair_count;
    struct fare_hours hours[FARE_HOURS_MAX];
    unsigned hours_count;
    struct fare_sharing hours_borne;
    struct fare_concession concessions[FARE_CONCESSIONS];
    unsigned concession_count;
    bool own_concessions; /* else the module's configuration has them */
    struct {
        int64_t window;   /* seconds from the end of the last ride; 0: no discount */
        fen_t off;        /* so much less, or … */
        unsigned percent; /* … so many percent less */
        unsigned most;    /* in a row; 0: any number */
        bool same_line;   /* also from a ride on the same line */
        char after[FARE_STEPS_MAX][FARE_NAME]; /* rides of these tables; none: of any */
        unsigned after_count;
        struct fare_sharing borne;
    } transfer;
    fen_t day_cap, month_cap; /* 0: none */
    bool caps_shared;         /* they count the fares of all tables, not of this one only */
    struct fare_sharing cap_borne;
    struct fare_step steps[FARE_STEPS_MAX];
    unsigned step_count;
    struct fare_sharing step_borne;
    struct fare_pass_kind passes[FARE_PASSES_MAX];
    unsigned pass_count;
    struct fare_special over_time;     /* after: seconds; surcharge */
    struct fare_special same_station;  /* out again where one came in, within */
    struct fare_special missing_exit;  /* charged at the next entry */
    struct fare_special missing_entry; /* charged at the exit */
    int64_t time_most;                 /* seconds a journey may take; 0: any */
    int64_t pass_back; /* seconds in which a second entry at one station is refused */
    fen_t entry_least; /* on the chip to be let in, where it is known */
};

/** Tables of the same name follow one another by their first day. */
struct fare_set {
    struct fare_table **tables; /* by name, then by first day */
    size_t count;
};

/** The table of that name in force on the day `at`; NULL: none. */
const struct fare_table *fare_table_at(const struct fare_set *set, const char *name, fare_time at);
/** NULL: no such. */
const struct fare_station *fare_station(const struct fare_table *t, uint32_t id);
const struct fare_concession *fare_concession(const struct fare_table *t, const char *category);
const struct fare_pass_kind *fare_pass_kind(const struct fare_table *t, const char *id);
/** What the journey costs before anything is taken off. False: a station or a way that the table
 * does not know. `from`, `to` are looked at where the table is no flat one. */
bool fare_base(const struct fare_table *t, uint32_t line, uint32_t from, uint32_t to, fen_t *ret);
/** The dearest and the cheapest ordinary ride of the table. */
fen_t fare_dearest(const struct fare_table *t);
fen_t fare_cheapest(const struct fare_table *t);
void fare_table_free(struct fare_table *t);
void fare_set_free(struct fare_set *set);

/* ---- claims ---------------------------------------------------------------------------------- */

/** A category as one side says it. Dates YYYYMMDD, 0: open. */
struct fare_claim {
    const char *category; /* "" or "adult": none */
    int32_t from, until;
};
/** The category that the ledger claims on `day`, where the card claims the same or nothing that is
 * valid on that day; "" : none. *ret_mismatch: the card claims another, and somebody should look.
 */
const char *fare_category(const struct fare_claim *card, const struct fare_claim *ledger,
                          int32_t day, bool *ret_mismatch);

/* ---- a ride ---------------------------------------------------------------------------------- */

struct fare_pass {
    char id[FARE_NAME];    /* "" : this place is free */
    char table[FARE_NAME]; /* whose */
    int32_t from, until;
    int32_t left; /* rides; -1: any number */
};
/** What a card has ridden: as it stands before a ride. */
/** What was paid by a table whose caps count its own fares only. */
struct fare_own {
    char table[FARE_NAME]; /* "": this place is free */
    int32_t day, month;    /* YYYYMMDD of day_fen, YYYYMM of month_fen */
    fen_t day_fen, month_fen;
};
struct fare_sums {
    int32_t day; /* YYYYMMDD of day_fen; paid by the citizen on that day */
    fen_t day_fen;
    int32_t month; /* YYYYMM */
    fen_t month_fen;
    fare_time last_end; /* of the last ride that counts for a transfer; 0: none */
    char last_table[FARE_NAME];
    uint32_t last_line;
    unsigned transfers;   /* discounts in a row */
    int32_t quota_period; /* YYYYMMDD, YYYYMM or YYYY */
    unsigned quota_used;
    struct fare_pass passes[FARE_HELD_MAX];
    struct fare_own own[FARE_OWN_MAX];
};
struct fare_ride {
    fare_time at;  /* when it began: chooses table, day, hours, claim and pass */
    fare_time end; /* when it ended; the same where there is no exit */
    uint32_t line, from, to;
    const char *category; /* of fare_category() */
    bool priced;          /* `price` counts instead of the table's base */
    fen_t price;
    fen_t surcharge; /* over-time */
    bool plain;      /* nothing is taken off and nothing is counted: companions */
};

enum fare_cut_kind {
    FARE_CUT_HOURS = 1,
    FARE_CUT_CONCESSION,
    FARE_CUT_STEP,
    FARE_CUT_TRANSFER,
    FARE_CUT_CAP,
    FARE_CUT_PASS
};
struct fare_cut {
    enum fare_cut_kind kind;
    fen_t amount;                     /* > 0 */
    const struct fare_sharing *borne; /* in the table */
};
struct fare {
    fen_t gross;   /* what the ride costs, surcharge included */
    fen_t citizen; /* the chip pays; gross less all cuts */
    fen_t surcharge;
    struct fare_cut cuts[FARE_CUTS_MAX];
    unsigned cut_count;
    const struct fare_concession *applied; /* NULL: none */
    bool quota_over;                       /* … at the price beyond its rides */
    int pass;                              /* index in sums->passes; -1: none */
    bool transfer;
};

/** The fare. False: fare_base() does not know the way. */
bool fare_quote(const struct fare_table *t, const struct fare_ride *ride,
                const struct fare_sums *sums, struct fare *ret);
/** What the card has ridden after it. */
void fare_count(const struct fare_table *t, const struct fare_ride *ride, const struct fare *f,
                struct fare_sums *sums);
/** Its sum of its own; NULL: nothing was counted. */
const struct fare_own *fare_own(const struct fare_sums *sums, const char *table);
/** Keeps a table's own sum: in its place, in a free one, or in that of the longest unused. */
void fare_own_put(struct fare_sums *sums, const struct fare_own *own);
/** What was taken off for that reason; 0: nothing. */
fen_t fare_cut_of(const struct fare *f, enum fare_cut_kind kind);
const char *fare_cut_name(enum fare_cut_kind kind);

/** Who gets and who bears, the citizen's own part left out; positive: gets. */
struct fare_leg {
    char owner[FARE_NAME];
    bool bearer;
    fen_t amount;
};
/** Legs of a fare of `op`; the same owner's parts of one sign are one leg. Their sum is f->citizen.
 * At most FARE_LEGS_MAX: what would be one more is borne by the operator itself. */
unsigned fare_legs(const struct fare *f, const char *op, struct fare_leg ret[FARE_LEGS_MAX]);
/** Adds `amount` (of either sign) to the leg of that owner. False: no room. */
bool fare_leg_add(struct fare_leg legs[FARE_LEGS_MAX], unsigned *count, const char *owner,
                  bool bearer, fen_t amount);

/** "50%", "50" or "free" to what the citizen pays. False: no such thing. */
bool fare_percent(const char *text, unsigned *ret_percent);

#endif
