/* Inside the medical module: its configuration, what its files share, one decide function a
 * service.
 *
 * What always holds:
 * - Personal documents stand under the owner "citizen:<id>", which the switch seals. What is kept
 *   with a transaction (its reply, its events) names documents and says nothing of health: contents
 *   are read by medical.read, which leaves nothing behind.
 * - A hospital's document is known by the hospital and that hospital's own number; the same again
 *   changes nothing.
 * - Who comes first is decided by the version of one record: the schedule of a doctor's day for a
 *   slot, the invoice for a settlement. */
#ifndef MEDICAL_MEDICAL_H
#define MEDICAL_MEDICAL_H

#include <onecard/module.h>

#define MEDICAL_ID    24 /* our own numbers, with NUL: 261121-0123456789abc */
#define MEDICAL_KEY   40
#define MEDICAL_OWNER 40
#define HOSPITAL_ID   32
#define REPLY_ROOM    3600 /* of a list in a reply in which nothing moves */
#define REPLY_KEPT    900  /* of a reply that is kept with its transaction */
#define LINES_MAX     200  /* of one invoice */
#define SLOTS_MAX     200  /* of one doctor's day */
#define OPEN_MAX      5    /* appointments of one citizen that lie ahead */
#define MISSED_MAX    16   /* missed appointments that are remembered */

struct medical {
    const struct onecard_conf *conf;
    int64_t book_days, open_max;
    int64_t cancel_minutes, late_minutes;
    int64_t missed_max, missed_days;
    int64_t late_register_minutes, unregister_days;
    int64_t access_minutes;
    bool same_participant_cash;
    const char *hospitals; /* who may push documents; NULL or "": whoever's terminals may */
};

/* ---- text.c: pure helpers ---- */

/** Days from one date to another (YYYYMMDD, both valid). */
int64_t date_days(int32_t from, int32_t to);
/** The date `days` after `date`. */
int32_t date_add(int32_t date, int64_t days);
bool date_ok(int64_t date);
/** Minutes of the day of HHMM. */
int64_t minutes_of(int64_t hhmm);
/** 1 … max of A-Z a-z 0-9 . _ - */
bool id_ok(const char *text, size_t max);
/** 13 letters and digits that stand for a text; the same text, the same letters. */
void text_hash(const char *a, const char *b, char ret[14]);
/** Reads digits only; -1: anything else, or over `max`. */
int64_t number_of(const char *text, int64_t max);
/** The next word of a list separated by blanks or commas, at most cap - 1 bytes; false at its end,
 * or for a word too long (then *at is NULL). */
bool next_word(const char **at, char *ret, size_t cap);

/* ---- shape.c: documents from outside ---- */

enum field_kind {
    F_TEXT = 1, /* min … max bytes */
    F_ID,       /* id_ok, at most max */
    F_DATE,
    F_TIME, /* HHMM as a number */
    F_INT,  /* min … max */
    F_BOOL,
    F_WORD /* one of `words`, separated by blanks */
};
struct field {
    const char *name;
    enum field_kind kind;
    bool required;
    int64_t min, max;
    const char *words;
};
/** Copies the members that the table knows from `src` to `dst`, in the table's order; others are
 * left out. `where` is for people: "lineItem 3". 0, or the refusal. */
int shape_copy(const struct onecard_request *req, struct onecard_plan *plan,
               const struct onecard_doc *src, struct onecard_doc *dst, const struct field *fields,
               size_t count, const char *where);
/** The same for each item of the request document's list `member`, at most `most`, into the list of that
 * name in `dst`. 0, or the refusal. */
int shape_copy_list(const struct onecard_request *req, struct onecard_plan *plan,
                    const char *member, const struct field *fields, size_t count, size_t most,
                    struct onecard_doc *dst);
/** A copy that may become part of another document. */
struct onecard_doc *doc_copy(const struct onecard_request *req, const struct onecard_doc *src);
/** The member's text, "" where there is none. */
const char *doc_text(const struct onecard_request *req, const struct onecard_doc *d,
                     const char *member);
/** The member's number, 0 where there is none. */
int64_t doc_int(const struct onecard_request *req, const struct onecard_doc *d, const char *member);
/** Whether the member is this text. */
bool doc_is(const struct onecard_request *req, const struct onecard_doc *d, const char *member,
            const char *text);
/** An object with its resourceType. */
struct onecard_doc *doc_new(const struct onecard_request *req, const char *resource);
/** Appends `item` unless the list's text would then be longer than `room`; false: it did not fit.
 */
bool list_add(const struct onecard_request *req, struct onecard_doc *list, size_t *used,
              struct onecard_doc *item, size_t room);

/* ---- common.c: what every service needs ---- */

/** "citizen:<id>" of the request. */
void citizen_owner(const struct onecard_request *req, char ret[MEDICAL_OWNER]);
void named_owner(const char *prefix, const char *id, char ret[MEDICAL_OWNER]);
/** Key of a hospital's document: "<kind>/<13 letters>". */
void ref_key(const char *kind, const char *hospital, const char *id, char ret[MEDICAL_KEY]);
void own_key(const char *kind, const char *id, char ret[MEDICAL_KEY]);
/** A new number, stable for one request: "yymmdd-…" of that date. */
void own_id(const struct onecard_request *req, int32_t date, const char *salt,
            char ret[MEDICAL_ID]);
/** The parameter, "" where absent. */
const char *param(const struct onecard_request *req, const char *name);
/** The parameter hospital, else the terminal's participant. 0, or the refusal. */
int hospital_of(const struct onecard_request *req, struct onecard_plan *plan, const char **ret);
/** The day a parameter names, else today. 0, or the refusal. */
int day_of(const struct onecard_request *req, struct onecard_plan *plan, const char *name,
           int32_t *ret);
/** A parameter of our own numbers or of a hospital's. 0, or the refusal. */
int id_param(const struct onecard_request *req, struct onecard_plan *plan, const char *name,
             const char **ret);
/** A document of this citizen. 0; the refusal `not_found` with that sentence; another error. */
int find_doc(const struct onecard_request *req, struct onecard_plan *plan, const char *key,
             const char *what, uint32_t *ret_version, struct onecard_doc **ret);
/** As co_doc() of this citizen's, but absence is no error: *ret is NULL, *ret_version 0. */
int maybe_doc(const struct onecard_request *req, const char *owner, const char *key,
              uint32_t *ret_version, struct onecard_doc **ret);
/** Stores a document of this citizen. */
void keep_doc(const struct onecard_request *req, struct onecard_plan *plan, const char *key,
              uint32_t version, const struct onecard_doc *doc);
/** How a document looks in a list; NULL: it is left out. Its argument may be changed. */
typedef struct onecard_doc *page_item(const struct medical *m, const struct onecard_request *req,
                                      struct onecard_doc *d);
/** One page of the records of `owner` whose keys begin with `prefix`, from the key `from` ("" : the
 * first) on: the reply's member `name`, and `next`: what to give as `from` for the page after, ""
 * at the end. `item` NULL: as they are. */
int page_docs(const struct medical *m, const struct onecard_request *req, struct onecard_plan *plan,
              const char *owner, const char *prefix, const char *from, page_item *item,
              const char *name);
/** Whether two documents are the same but for what we added ourselves. */
bool same_content(const struct onecard_request *req, const struct onecard_doc *old,
                  const struct onecard_doc *fresh);
/** Marks `fresh` so that same_content() can tell. */
void seal_content(const struct onecard_request *req, struct onecard_doc *fresh);
/** The member of the original transaction's reply; "" where there is none. 0, the refusal where the
 * original is of another service, or another error. */
int original_word(const struct onecard_request *req, struct onecard_plan *plan, const char *service,
                  const char *member, char *ret, size_t cap);
/** Only this participant's own terminals. 0, or the refusal. */
int only_hospital(const struct onecard_request *req, struct onecard_plan *plan,
                  const char *hospital);
/** Is it one of `modules.medical.hospitals`? Where these are not named everybody is. */
bool is_hospital(const struct medical *m, const char *participant);
/** May this participant push documents? 0, or the refusal. */
int pusher_ok(const struct medical *m, const struct onecard_request *req,
              struct onecard_plan *plan);
/** Where a document that a hospital pushes is kept (by `kind`, hospital and its number), and the one that
 * is there, NULL where none is. `d` is marked for same_content(). 0; the refusal where its place is
 * another's; another error. */
int pushed_place(const struct onecard_request *req, struct onecard_plan *plan, const char *kind,
                 struct onecard_doc *d, char ret_key[MEDICAL_KEY], uint32_t *ret_version,
                 struct onecard_doc **ret_old);
/** The answer to a hospital whose document is there already as it is. Nothing moves. */
int unchanged(const struct onecard_request *req, struct onecard_plan *plan);

/* ---- pay.c ---- */

enum pay_source { PAY_PURSE = 1, PAY_ACCOUNT, PAY_PENDING, PAY_CASH };
const char *pay_name(enum pay_source s);
/** The parameter pay: purse (default) account pending cash. 0, or the refusal. */
int pay_param(const struct onecard_request *req, struct onecard_plan *plan, enum pay_source dflt,
              enum pay_source *ret);
enum pay_source pay_named(const char *name);
/** Sets the plan's kind and takes `amount` (0 and up) from the source; `told` is what all of it
 * costs. 0, or the refusal. */
int pay_take(const struct onecard_request *req, struct onecard_plan *plan, enum pay_source s,
             fen_t amount, fen_t told);
/** A leg that gives `amount` back to where it came from; the purse's to the pending load (R6). */
void pay_give(const struct onecard_request *req, struct onecard_plan *plan, enum pay_source s,
              fen_t amount);
/** May `s` be given back here: cash only where it was taken. 0, or the refusal. */
int pay_give_ok(const struct medical *m, const struct onecard_request *req,
                struct onecard_plan *plan, enum pay_source s, const char *participant);

/* ---- slots.c ---- */

struct slot_day {
    const char *hospital;
    char owner[MEDICAL_OWNER], key[MEDICAL_KEY];
    uint32_t version;
    struct onecard_doc *doc; /* Schedule */
};
/** Reads the schedule of a doctor's day. 0, or the refusal. */
int slot_day_read(const struct onecard_request *req, struct onecard_plan *plan,
                  const char *hospital, const char *department, int32_t day, const char *actor,
                  struct slot_day *ret);
/** The slot that begins at `start`; NULL: none. */
struct onecard_doc *slot_at(const struct onecard_request *req, const struct slot_day *d,
                            int64_t start);
/** The first slot with a place that begins after `after` minutes of the day; NULL: none. */
struct onecard_doc *slot_free(const struct onecard_request *req, const struct slot_day *d,
                              int64_t after);
bool slot_take(const struct onecard_request *req, struct onecard_doc *slot);
void slot_give(const struct onecard_request *req, struct onecard_doc *slot);
/** Gives the place of an Appointment or Encounter back, where its schedule still is. */
int slot_return(const struct onecard_request *req, struct onecard_plan *plan,
                const struct onecard_doc *visit);
/** The parameters department, practitioner, day, slot of a visit, its slot found and a place taken:
 * the schedule is written with the plan by slot_day_write(). 0, or the refusal. */
struct visit {
    struct slot_day day;
    int32_t date;
    int64_t start;
    fen_t fee;
};
int visit_take(const struct onecard_request *req, struct onecard_plan *plan, int64_t after,
               struct visit *ret);
void slot_day_write(const struct onecard_request *req, struct onecard_plan *plan,
                    const struct slot_day *d);
/** Copies hospital, department, doctor, day and time into an Appointment or Encounter. */
void visit_describe(const struct onecard_request *req, const struct visit *v,
                    struct onecard_doc *doc);

/* ---- appointments.c ---- */

struct appointments {
    uint32_t version;
    struct onecard_doc *doc, *open, *missed;
};
/** A citizen's index; an empty one where there is none. */
int index_read(const struct onecard_request *req, const char *owner, struct appointments *ret);
void index_write(const struct onecard_request *req, struct onecard_plan *plan, const char *owner,
                 const struct appointments *x);
/** Whatever of the index lies behind was missed: its records go into the plan. */
int index_close_missed(const struct onecard_request *req, struct onecard_plan *plan,
                       const char *owner, struct appointments *x);
/** An appointment leaves the index for `status`; the index itself is not written yet. */
int appointment_end(const struct onecard_request *req, struct onecard_plan *plan, const char *owner,
                    struct appointments *x, const char *id, const char *status);
/** Owner of the entries by which the night finds a day's appointments; one entry goes. */
void day_owner(int64_t day, char ret[MEDICAL_OWNER]);
int day_forget(const struct onecard_request *req, struct onecard_plan *plan, int64_t day,
               const char *id);
/** The registration of an appointment: booked or arrived becomes fulfilled. 0, or the refusal. */
int appointment_fulfil(const struct onecard_request *req, struct onecard_plan *plan, const char *id,
                       struct onecard_doc **ret);

/* ---- audit.c ---- */

/** Adds the AuditEvent of this access to the plan and its number to the reply: what medical.read
 * wants. `what`: report reports medication consult referral; `entity`: which document, may be "";
 * `emergency`: why, "" where the holder is there. */
void audit_add(const struct medical *m, const struct onecard_request *req,
               struct onecard_plan *plan, const char *what, const char *entity,
               const char *emergency);
/** Page `from` of what was opened, into the reply. */
typedef int audit_reader(const struct medical *m, const struct onecard_request *req,
                         struct onecard_plan *plan, const struct onecard_doc *event);
audit_reader read_report, read_reports, read_medication;

/* ---- recognise.c, warn.c ---- */

struct recognition {
    bool yes;
    int32_t until;   /* last day, where yes */
    const char *why; /* where not */
};
/** Whether a result of `date` by `performer` counts at `reader` on `today`, by a rule such as
 * "90", "90 from h1,h2", "30 from h1 at h2,h3"; NULL: no rule for that item. */
struct recognition recognise(const char *rule, int32_t date, const char *performer,
                             const char *reader, int32_t today);
/** A rule's form, for load(). */
bool recognise_rule_ok(const char *rule);

/** Whether a rule "B01A+N02BA" is about these two substances, in either order; each half stands for
 * all codes that begin with it. Pure. */
bool interaction_fits(const char *rule, const char *code, const char *other);
/** What speaks against dispensing `code` today, given the citizen's "meds" record: appended to
 * `list`. `own`: the dispense that is being looked at itself, "" for none. */
void warn_add(const struct medical *m, const struct onecard_request *req,
              const struct onecard_doc *meds, const char *code, const char *own,
              struct onecard_doc *list);

/* ---- split.c ---- */

struct split {
    fen_t total, fund, personal, family, cash;
    char settlement[64]; /* social's number; "" where nobody was asked */
    struct onecard_doc *reply;
};
/** Asks social.split for this invoice, which adds its legs to the plan; `replaces`: the settlement
 * it takes the place of, or "". With the parameter insurance=no everything is the citizen's own.
 * 0, the refusal, or another error. */
int split_ask(const struct onecard_request *req, struct onecard_plan *plan,
              const struct onecard_doc *invoice, const char *replaces, struct split *ret);
/** Takes a settlement back whole; *ret: what it had. 0, the refusal, or another error. */
int split_undo(const struct onecard_request *req, struct onecard_plan *plan,
               const struct onecard_doc *claim, struct split *ret);

/** Owner of the deposit account of a stay. */
void deposit_owner(const char *hospital, const char *admission, char ret[32]);

/* ---- settle.c, shared with inpatients ---- */

/** What a settlement is written from. */
struct settled {
    struct onecard_doc *invoice;
    char invoice_key[MEDICAL_KEY];
    uint32_t invoice_version;
    struct split split;
    enum pay_source pay;
    bool chip;               /* the chip pays the own part: what a refund counts against */
    fen_t deposit, returned; /* inpatients: taken from the deposit, given back of it */
    char id[MEDICAL_ID];     /* set by settle_write() */
    char first[MEDICAL_ID];  /* settlement that this one goes back to; "": itself */
};
/** Reads an invoice of this citizen that is in that state. 0, or the refusal. */
int invoice_read(const struct onecard_request *req, struct onecard_plan *plan, const char *hospital,
                 const char *id, const char *status, struct settled *ret);
/** The ClaimResponse, the invoice's new state, the message to the hospital, the slip. */
void settle_write(const struct onecard_request *req, struct onecard_plan *plan, struct settled *s);

#define SERVICE(name)                                                                              \
    int name(void *ctx, const struct onecard_request *req, struct onecard_plan *plan)
SERVICE(medical_schedule_put);
SERVICE(medical_departments);
SERVICE(medical_slots);
SERVICE(medical_register);
SERVICE(medical_unregister);
SERVICE(medical_book);
SERVICE(medical_cancel);
SERVICE(medical_checkin);
SERVICE(medical_appointments);
SERVICE(medical_sweep);
SERVICE(medical_bill_put);
SERVICE(medical_bills);
SERVICE(medical_settle);
SERVICE(medical_settle_cancel);
SERVICE(medical_refund_lines);
SERVICE(medical_admit);
SERVICE(medical_discharge);
SERVICE(medical_deposit);
SERVICE(medical_deposit_return);
SERVICE(medical_inpatient_settle);
SERVICE(medical_report_put);
SERVICE(medical_reports);
SERVICE(medical_report);
SERVICE(medical_emergency);
SERVICE(medical_read);
SERVICE(medical_access_log);
SERVICE(medical_dispense_put);
SERVICE(medical_medication);
SERVICE(medical_refer);
SERVICE(medical_referral_answer);
SERVICE(medical_referrals);
SERVICE(medical_consult);
SERVICE(medical_consult_answer);

#define MEDICAL_SERVICES 33
extern const struct onecard_service *const medical_services[MEDICAL_SERVICES];

#endif
