/* The keys that institutions sign their requests and answers with. */
#include "ledger/fold.h"

static bool none(const uint8_t key[32])
{
    static const uint8_t zeros[32];
    return memcmp(key, zeros, sizeof zeros) == 0;
}

int prepare_participant_key(struct fold *f, struct ledger_op *op)
{
    const char *id = op->participant_key.participant;
    struct participant_row p;
    int rc = participant_load(f, id, &p);
    return rc == OC_ENOENT ? prepare_missing(op, "participant", id) : rc;
}

int apply_participant_key(struct fold *f, const struct ledger_op *op)
{
    const struct op_participant_key *k = &op->participant_key;
    struct db_q q;
    db_q(&q, f->db,
         "INSERT OR REPLACE INTO participant_key (shard, participant, key, changed_ms) VALUES (?1, "
         "?2, ?3, ?4)");
    db_put_i64(&q, f->site.shard);
    db_put_text(&q, k->participant);
    db_put_blob(&q, k->key, sizeof k->key);
    db_put_i64(&q, op->at_ms);
    int rc = db_end(&q);
    char text[160];
    snprintf(text, sizeof text, "%s: %s", k->participant, k->why);
    const struct event_at at = {op->at_ms, 0, 0, ""};
    const char *kind = none(k->key) ? "participant_key_gone" : "participant_key";
    return rc ? rc : fold_event(f, &at, kind, text);
}
