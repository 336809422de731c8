/* The journal's keyed chain: without the key nobody can change, add, drop or reorder a row unseen.
 */
#include "ledger/internal.h"

int chain_init(struct chain *c, const uint8_t key[32])
{
    int rc = crypto_new(NULL, &c->x);
    if (rc)
        return rc;
    memcpy(c->key, key, sizeof c->key);
    return 0;
}

void chain_fini(struct chain *c)
{
    secret_wipe(c->key, sizeof c->key);
    crypto_free(&c->x);
}

static void place(uint8_t ret[9], uint8_t shard, int64_t seq)
{
    ret[0] = shard;
    put_be32(ret + 1, (uint32_t)((uint64_t)seq >> 32));
    put_be32(ret + 5, (uint32_t)seq);
}

int chain_mac(const struct chain *c, const uint8_t prev[32], uint8_t shard, int64_t seq,
              struct bytes op, uint8_t ret[32])
{
    uint8_t where[9];
    place(where, shard, seq);
    const struct bytes parts[] = {{"row", 3}, {prev, 32}, {where, sizeof where}, op};
    return mac_hmac_sha256_parts(c->x, (struct bytes){c->key, sizeof c->key}, parts,
                                 ARRAY_LEN(parts), ret);
}

int chain_tag(const struct chain *c, uint8_t shard, int64_t seq, const uint8_t mac[32],
              uint8_t ret[32])
{
    uint8_t where[9];
    place(where, shard, seq);
    const struct bytes parts[] = {{"head", 4}, {where, sizeof where}, {mac, 32}};
    return mac_hmac_sha256_parts(c->x, (struct bytes){c->key, sizeof c->key}, parts,
                                 ARRAY_LEN(parts), ret);
}

int chain_write_row(struct db *db, uint8_t shard, int64_t seq, struct bytes op,
                    const uint8_t mac[32])
{
    struct db_q q;
    db_q(&q, db, "INSERT INTO journal (shard, seq, op, mac) VALUES (?1, ?2, ?3, ?4)");
    db_put_i64(&q, shard);
    db_put_i64(&q, seq);
    db_put_blob(&q, op.data, op.len);
    db_put_blob(&q, mac, 32);
    return db_end(&q);
}

int chain_write_head(const struct chain *c, struct db *db, uint8_t shard, int64_t seq,
                     const uint8_t mac[32])
{
    uint8_t tag[32];
    int rc = chain_tag(c, shard, seq, mac, tag);
    if (rc)
        return rc;
    struct db_q q;
    db_q(&q, db, "INSERT OR REPLACE INTO head (shard, seq, mac, tag) VALUES (?1, ?2, ?3, ?4)");
    db_put_i64(&q, shard);
    db_put_i64(&q, seq);
    db_put_blob(&q, mac, 32);
    db_put_blob(&q, tag, sizeof tag);
    return db_end(&q);
}
