/* Recordings of dialogues, and the list that is made of them.
 *
 * The list is a tree laid flat. A command is a node; from it one way leads on after the status word
 * that the newest recording had there, another after any other word. The first is laid out right
 * behind the command, the second further down, where `otherwise` points. Where recordings ask
 * different things at the same place the newer one is followed.
 *
 * Invariants: a list is never longer than CARD_LIST_MAX and always harmless; at most KINDS_MAX
 * kinds are kept. */
#include "card/script.h"

#include <stdlib.h>
#include <string.h>

#define KINDS_MAX    32768
#define PROFILES_MAX 6      /* recordings of one kind */
#define NO_SW        0xFFFF /* no card says this: nothing is accepted, the list ends */
#define INS_INTERNAL 0x88
#define INS_INIT     0x50
#define CHALLENGE_AT 5

struct recording {
    struct recording *next; /* older */
    const struct card_profile *profile;
    uint8_t count, size; /* size: items before INITIALIZE */
    size_t len;
    uint8_t packed[]; /* for each item: length, status word, command */
};
struct kind {
    struct list recent;
    struct recording *newest;
    char name[SCRIPT_KIND_LEN];
};
struct script_book {
    const struct profile_set *set;
    struct map kinds;
    struct list recent; /* of all kinds, the latest last */
};

/* ---- a tree of commands ---- */

struct node {
    struct card_asked_item item;
    uint8_t yes, no; /* index of the next node + 1, 0: none */
};
struct tree {
    struct node nodes[CARD_LIST_MAX];
    uint8_t count, root;
};

static bool same_command(const struct card_asked_item *a, const struct card_asked_item *b)
{
    return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

/** Lays one recording into the tree as far as it agrees with what is there. */
static void tree_add(struct tree *t, const struct card_asked *a)
{
    uint8_t *link = &t->root;
    for (unsigned i = 0; i < a->count; i++) {
        if (!*link) {
            if (t->count == CARD_LIST_MAX)
                return;
            t->nodes[t->count].item = a->items[i];
            *link = ++t->count;
        }
        struct node *n = &t->nodes[*link - 1];
        if (!same_command(&n->item, &a->items[i]))
            return;
        link = n->item.sw == a->items[i].sw ? &n->yes : &n->no;
    }
}

static int put_command(struct card_list *l, const struct node *n, const struct rng *rng)
{
    const struct card_asked_item *item = &n->item;
    struct card_command *c = &l->commands[l->count];
    struct apdu_view v;
    memset(c, 0, sizeof(*c));
    memcpy(c->apdu.bytes, item->bytes, item->len);
    c->apdu.len = item->len;
    if (!n->yes || item->sw != SW_OK) {
        c->accept[0] = n->yes ? item->sw : NO_SW;
        c->accept_count = 1;
    }
    l->count++;
    if (item->bytes[1] != INS_INTERNAL || apdu_parse(item->bytes, item->len, &v) || !v.lc)
        return 0;
    return rng_fill(rng, c->apdu.bytes + CHALLENGE_AT, v.lc);
}

/** The way that begins at one node, to its end. The other ways that leave it are noted with the
 * place they leave from. */
static int put_way(struct card_list *l, const struct tree *t, unsigned node, const struct rng *rng,
                   uint8_t later[CARD_LIST_MAX])
{
    for (; node; node = t->nodes[node - 1].yes) {
        later[l->count] = t->nodes[node - 1].no;
        int rc = put_command(l, &t->nodes[node - 1], rng);
        if (rc)
            return rc;
    }
    return 0;
}

static int tree_list(const struct tree *t, const struct rng *rng, struct card_list *ret)
{
    uint8_t later[CARD_LIST_MAX] = {0};
    ret->count = 0;
    int rc = put_way(ret, t, t->root, rng, later);
    for (unsigned at = 0; !rc && at < ret->count; at++) {
        if (!later[at])
            continue;
        ret->commands[at].otherwise = (uint8_t)ret->count;
        rc = put_way(ret, t, later[at], rng, later);
    }
    return rc;
}

/* ---- what is asked where nothing was learned ---- */

static void asked_add(struct card_asked *a, const struct apdu *cmd, uint16_t sw)
{
    if (a->count == CARD_ASKED_MAX || cmd->len > CARD_ASKED_BYTES)
        return;
    struct card_asked_item *item = &a->items[a->count++];
    memcpy(item->bytes, cmd->bytes, cmd->len);
    item->len = (uint8_t)cmd->len;
    item->sw = sw;
}

static void asked_pieces(struct card_asked *a, const struct profile_identity_file *f)
{
    struct apdu cmd;
    uint16_t in = 0;
    for (size_t i = 0; i < f->piece_count; i++) {
        const struct profile_piece *p = &f->pieces[i];
        if (p->historical)
            continue;
        if (p->fid && p->fid != in) {
            apdu_select_fid(&cmd, p->fid);
            asked_add(a, &cmd, SW_OK);
        }
        in = p->fid;
        apdu_read_record_p2(&cmd, p->record, p->p2, p->length + 2);
        asked_add(a, &cmd, SW_OK);
    }
}

/** What the first profile of a name would ask behind its SELECT. */
static void asked_profile(struct card_asked *a, const struct card_profile *p)
{
    static const uint8_t challenge[8];
    struct apdu cmd;
    if (p->identity.piece_count)
        asked_pieces(a, &p->identity);
    else if (!p->identity.sfi)
        return;
    else {
        apdu_read_binary_sfi(&cmd, p->identity.sfi, 0, p->identity.min_len);
        asked_add(a, &cmd, SW_OK);
    }
    if (p->keys.internal != PROFILE_AUTH_NEVER &&
        !apdu_internal_auth(&cmd, p->keys.internal_p1, p->keys.internal_kid, challenge,
                            sizeof(challenge)))
        asked_add(a, &cmd, SW_OK);
    if (!p->purse.present)
        return;
    apdu_get_balance(&cmd, p->purse.balance_p1);
    cmd.bytes[3] = p->purse.p2;
    asked_add(a, &cmd, SW_OK);
}

/** One recording for each name: the names before it are not there. */
static void tree_cold(struct tree *t, const struct profile_set *set)
{
    static const struct card_evidence nothing;
    struct card_asked tried = {.count = 0};
    struct conf_bytes aid;
    for (size_t i = 0; profile_next_aid(set, &nothing, i, &aid); i++) {
        struct card_evidence named = {.aid = aid.bytes, .aid_len = aid.len};
        const struct card_profile *p = profile_match(set, &named, 0);
        unsigned before = tried.count;
        struct apdu cmd;
        if (!aid.len || apdu_select_aid(&cmd, aid.bytes, aid.len))
            continue;
        asked_add(&tried, &cmd, SW_OK);
        if (p)
            asked_profile(&tried, p);
        tree_add(t, &tried);
        tried.count = before;
        asked_add(&tried, &cmd, 0x6A82);
    }
}

int card_script_cold(const struct profile_set *set, const struct rng *rng, struct card_list *ret)
{
    struct tree *t = calloc(1, sizeof(*t));
    if (!t)
        return OC_ENOMEM;
    tree_cold(t, set);
    int rc = tree_list(t, rng, ret);
    free(t);
    return rc;
}

/* ---- recordings ---- */

static struct recording *pack(const struct card_session *s, unsigned count)
{
    size_t len = 0;
    for (unsigned i = 0; i < count; i++)
        len += 3U + s->asked.items[i].len;
    struct recording *r = malloc(sizeof(*r) + len);
    if (!r)
        return NULL;
    *r = (struct recording){
        .profile = s->profile, .count = (uint8_t)count, .size = (uint8_t)count, .len = len};
    uint8_t *to = r->packed;
    for (unsigned i = 0; i < count; i++) {
        const struct card_asked_item *item = &s->asked.items[i];
        if (item->bytes[1] == INS_INIT && r->size == count)
            r->size = (uint8_t)i;
        *to++ = item->len;
        put_be16(to, item->sw);
        memcpy(to + 2, item->bytes, item->len);
        to += 2 + item->len;
    }
    return r;
}

static void unpack(const struct recording *r, bool with_init, struct card_asked *ret)
{
    const uint8_t *from = r->packed;
    ret->count = with_init ? r->count : r->size;
    for (unsigned i = 0; i < ret->count; i++) {
        struct card_asked_item *item = &ret->items[i];
        item->len = from[0];
        item->sw = be16(from + 1);
        memcpy(item->bytes, from + 3, item->len);
        from += 3 + item->len;
    }
}

static unsigned before_init(const struct card_asked *a)
{
    unsigned i = 0;
    while (i < a->count && a->items[i].bytes[1] != INS_INIT)
        i++;
    return i;
}

static bool same_recording(const struct recording *a, const struct recording *b)
{
    return a->count == b->count && a->len == b->len && !memcmp(a->packed, b->packed, a->len);
}

/** Puts it first; what was kept of the same profile goes, and the oldest where there are too many.
 */
static void keep(struct kind *k, struct recording *r)
{
    unsigned kept = 1;
    struct recording **link = &k->newest;
    while (*link) {
        struct recording *old = *link;
        if (old->profile != r->profile && kept < PROFILES_MAX) {
            kept++;
            link = &old->next;
            continue;
        }
        *link = old->next;
        free(old);
    }
    r->next = k->newest;
    k->newest = r;
}

/* ---- the book ---- */

int script_book_new(const struct profile_set *set, struct script_book **ret)
{
    struct script_book *b = calloc(1, sizeof(*b));
    if (!b)
        return OC_ENOMEM;
    b->set = set;
    map_init(&b->kinds, (uint64_t)(uintptr_t)b);
    list_init(&b->recent);
    *ret = b;
    return 0;
}

static struct kind *kind_of(struct list *recent)
{
    return (struct kind *)((char *)recent - offsetof(struct kind, recent));
}

static void kind_forget(struct script_book *b, struct kind *k)
{
    map_del_str(&b->kinds, k->name);
    list_del(&k->recent);
    while (k->newest) {
        struct recording *r = k->newest;
        k->newest = r->next;
        free(r);
    }
    free(k);
}

void script_book_free(struct script_book **b)
{
    if (*b) {
        while (!list_empty(&(*b)->recent))
            kind_forget(*b, kind_of((*b)->recent.next));
        map_fini(&(*b)->kinds);
    }
    free(*b);
    *b = NULL;
}

static struct kind *kind_get(struct script_book *b, const char *name)
{
    struct kind *k = map_get_str(&b->kinds, name);
    if (k) {
        list_del(&k->recent);
        list_add_tail(&b->recent, &k->recent);
    }
    return k;
}

static struct kind *kind_add(struct script_book *b, const char *name)
{
    if (strlen(name) >= SCRIPT_KIND_LEN)
        return NULL;
    if (b->kinds.count >= KINDS_MAX)
        kind_forget(b, kind_of(b->recent.next));
    struct kind *k = calloc(1, sizeof(*k));
    if (!k)
        return NULL;
    memcpy(k->name, name, strlen(name) + 1);
    list_init(&k->recent);
    if (map_put_str(&b->kinds, k->name, k)) {
        free(k);
        return NULL;
    }
    list_add_tail(&b->recent, &k->recent);
    return k;
}

/* No memory: nothing is learned. A script is a help, not a duty. */
void script_learn(struct script_book *b, const char *kind, bool with_init,
                  const struct card_session *s)
{
    unsigned count = with_init ? s->asked.count : before_init(&s->asked);
    struct recording *r = s->profile && count ? pack(s, count) : NULL;
    if (!r)
        return;
    struct kind *k = kind_get(b, kind);
    if (!k)
        k = kind_add(b, kind);
    if (!k || (k->newest && k->newest->profile == r->profile && same_recording(k->newest, r)))
        free(r);
    else
        keep(k, r);
}

static void tree_learned(struct tree *t, const struct kind *k, bool with_init)
{
    struct card_asked a;
    for (const struct recording *r = k->newest; r; r = r->next) {
        unpack(r, with_init, &a);
        tree_add(t, &a);
    }
}

int script_build(struct script_book *b, const char *kind, const struct rng *rng,
                 struct card_list *ret)
{
    struct tree *t = calloc(1, sizeof(*t));
    if (!t)
        return OC_ENOMEM;
    const struct kind *k = kind_get(b, kind);
    if (k)
        tree_learned(t, k, true);
    else if (!list_empty(&b->recent))
        tree_learned(t, kind_of(b->recent.prev), false);
    tree_cold(t, b->set);
    int rc = tree_list(t, rng, ret);
    free(t);
    return rc;
}
