/* Compares what is with what the journal makes: the shape of the file, then every row. Nothing here
 * knows a table by name but the three that are not part of the fold, so a table added tomorrow is
 * compared as well. */
#include "ledger/verify.h"
#include <stdlib.h>

#define MAX_TABLES  64
#define MAX_COLUMNS 64
#define NAME_LEN    64
#define ROW_MAX     (1024 * 1024)

/* ---- shape ---- */

static WORKER_FN int check_structure(struct verify *v)
{
    struct db_q q;
    db_q(&q, v->src, "PRAGMA integrity_check(16)");
    while (db_row(&q)) {
        size_t len;
        const char *text = db_get_blob(&q, &len);
        if (len != 2 || memcmp(text, "ok", 2) != 0)
            verify_fault(v, "database file: %.*s", (int)(len < 160 ? len : 160), text ? text : "");
    }
    return verify_finding(v, db_end(&q), "database file");
}

static WORKER_FN void next_shape(struct db_q *q, struct buf *b)
{
    buf_reset(b);
    if (!db_row(q))
        return;
    size_t len;
    const void *p = db_get_blob(q, &len);
    buf_put(b, p, len);
}

static WORKER_FN void compare_shapes(struct verify *v, struct db_q *have, struct db_q *want)
{
    struct buf a, b;
    buf_init(&a, ROW_MAX);
    buf_init(&b, ROW_MAX);
    do {
        next_shape(have, &a);
        next_shape(want, &b);
        if (a.len == b.len && (!a.len || memcmp(a.data, b.data, a.len) == 0))
            continue;
        verify_fault(v, "the schema differs from this program's at: %.60s",
                     a.len ? buf_cstr(&a) : buf_cstr(&b));
        break;
    } while (a.len && b.len);
    buf_fini(&a);
    buf_fini(&b);
}

/* A trigger or view slipped in would be a way to change rows unseen. */
static WORKER_FN int check_schema(struct verify *v)
{
    static const char sql[] =
        "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema "
        "WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name";
    struct db_q have, want;
    db_q(&have, v->src, sql);
    db_q(&want, v->copy, sql);
    compare_shapes(v, &have, &want);
    int err = db_end(&want);
    int rc = verify_finding(v, db_end(&have), "schema");
    return rc ? rc : err;
}

int verify_shape(struct verify *v)
{
    int rc = check_structure(v);
    return rc ? rc : check_schema(v);
}

/* ---- one table ---- */

struct table {
    char name[NAME_LEN];
    bool key[MAX_COLUMNS];
    char *sql; /* all rows in key order */
};

/* A row as bytes, column after column. */
struct row {
    struct buf b;
    size_t at[MAX_COLUMNS + 1];
    int cols;
    bool there;
};

struct side {
    struct db_q q;
    struct row row;
};

static WORKER_FN int describe(struct verify *v, struct table *t)
{
    struct db_q q;
    struct buf b;
    char column[NAME_LEN];
    buf_init(&b, 4096);
    buf_printf(&b, "SELECT * FROM \"%s\"", t->name);
    const char *sep = " ORDER BY ";
    db_q(&q, v->copy, "SELECT cid, name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk");
    db_put_text(&q, t->name);
    while (db_row(&q)) {
        int64_t cid = db_get_i64(&q);
        db_get_text(&q, column, sizeof column);
        CHECK(cid >= 0 && cid < MAX_COLUMNS);
        t->key[cid] = true;
        buf_printf(&b, "%s\"%s\"", sep, column);
        sep = ", ";
    }
    int rc = db_end(&q);
    t->sql = rc || b.err ? NULL : strdup(buf_cstr(&b));
    buf_fini(&b);
    return rc ? rc : t->sql ? 0 : OC_ENOMEM;
}

static WORKER_FN void next_row(struct side *s)
{
    struct row *r = &s->row;
    buf_reset(&r->b);
    r->there = db_row(&s->q);
    r->cols = r->there ? db_cols(&s->q) : 0;
    CHECK(r->cols <= MAX_COLUMNS);
    for (int i = 0; i < r->cols; i++) {
        r->at[i] = r->b.len;
        db_get_raw(&s->q, &r->b);
    }
    r->at[r->cols] = r->b.len;
}

static bool same_column(const struct row *a, const struct row *b, int i)
{
    size_t len = a->at[i + 1] - a->at[i];
    return len == b->at[i + 1] - b->at[i] &&
           memcmp(a->b.data + a->at[i], b->b.data + b->at[i], len) == 0;
}

/* Numbers and names as they are, bytes in hex; both cut short. */
static void print_value(struct buf *out, const struct row *r, int i)
{
    const uint8_t *p = r->b.data + r->at[i];
    size_t len = r->at[i + 1] - r->at[i];
    if (*p != 'B') {
        buf_put(out, p + 1, len - 1 < 40 ? len - 1 : 40);
        return;
    }
    char hex[41];
    buf_puts(out, hex_encode(p + 1, len - 1 < 20 ? len - 1 : 20, hex));
}

static void print_key(struct buf *out, const struct table *t, const struct row *r)
{
    const char *sep = "";
    for (int i = 0; i < r->cols; i++) {
        if (!t->key[i])
            continue;
        buf_puts(out, sep);
        print_value(out, r, i);
        sep = ",";
    }
}

/* Only numbers are told by value: other columns may hold what is nobody's business. */
static void tell_column(struct verify *v, const struct table *t, struct side *have,
                        const struct row *want, int i)
{
    struct buf key, a, b;
    buf_init(&key, 256);
    buf_init(&a, 64);
    buf_init(&b, 64);
    print_key(&key, t, &have->row);
    bool number = have->row.b.data[have->row.at[i]] == 'I' && want->b.data[want->at[i]] == 'I';
    if (number) {
        print_value(&a, &have->row, i);
        print_value(&b, want, i);
    }
    verify_fault(v, "table %s, row %s, column %s: differs from the replay%s%s%s%s%s", t->name,
                 buf_cstr(&key), db_col_name(&have->q, i), number ? " (" : "", buf_cstr(&a),
                 number ? " instead of " : "", buf_cstr(&b), number ? ")" : "");
    buf_fini(&key);
    buf_fini(&a);
    buf_fini(&b);
}

static void tell_row(struct verify *v, const struct table *t, const struct row *have,
                     const struct row *want)
{
    struct buf a, b;
    buf_init(&a, 256);
    buf_init(&b, 256);
    print_key(&a, t, have);
    print_key(&b, t, want);
    if (!want->there)
        verify_fault(v, "table %s, row %s: the replay does not make it", t->name, buf_cstr(&a));
    else if (!have->there)
        verify_fault(v, "table %s, row %s: missing", t->name, buf_cstr(&b));
    else
        verify_fault(v, "table %s: row %s where the replay has row %s", t->name, buf_cstr(&a),
                     buf_cstr(&b));
    buf_fini(&a);
    buf_fini(&b);
}

/* True where the rows are alike. */
static bool compare_rows(struct verify *v, const struct table *t, struct side *have,
                         const struct row *want)
{
    if (!have->row.there && !want->there)
        return true;
    bool keys = have->row.there && want->there && have->row.cols == want->cols;
    for (int i = 0; keys && i < want->cols; i++)
        keys = !t->key[i] || same_column(&have->row, want, i);
    if (!keys) {
        tell_row(v, t, &have->row, want);
        return false;
    }
    for (int i = 0; i < want->cols; i++)
        if (!same_column(&have->row, want, i)) {
            tell_column(v, t, have, want, i);
            return false;
        }
    return true;
}

/* One fault a table: after the first difference the rest says little. */
static WORKER_FN int compare_table(struct verify *v, const struct table *t, struct side *have,
                                   struct side *want)
{
    db_q(&have->q, v->src, t->sql);
    db_q(&want->q, v->copy, t->sql);
    bool alike;
    do {
        next_row(have);
        next_row(want);
        /* An error looks like the end of the table: it is told below, not as a difference. */
        bool broken = have->q.err || want->q.err || have->row.b.err || want->row.b.err;
        alike = !broken && compare_rows(v, t, have, &want->row);
    } while (alike && want->row.there);
    int err = db_end(&want->q);
    int rc = db_end(&have->q);
    if (err)
        return err;
    if (rc == OC_EDB_CORRUPT || rc == OC_EDB || have->row.b.err == OC_ELIMIT) {
        verify_fault(v, "table %s: cannot be read through: the file is damaged there", t->name);
        return 0;
    }
    return rc ? rc : have->row.b.err ? have->row.b.err : want->row.b.err;
}

static WORKER_FN int check_table(struct verify *v, struct table *t)
{
    int rc = describe(v, t);
    struct side *both = rc ? NULL : calloc(2, sizeof *both);
    if (!rc && !both)
        rc = OC_ENOMEM;
    if (!rc) {
        buf_init(&both[0].row.b, ROW_MAX);
        buf_init(&both[1].row.b, ROW_MAX);
        rc = compare_table(v, t, &both[0], &both[1]);
        buf_fini(&both[0].row.b);
        buf_fini(&both[1].row.b);
    }
    free(both);
    free(t->sql);
    return rc;
}

/* ---- all tables ---- */

static WORKER_FN int list_tables(struct verify *v, struct table *t, size_t *ret_n)
{
    struct db_q q;
    size_t n = 0;
    db_q(&q, v->copy,
         "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
         "AND name NOT IN ('journal', 'head', 'citizen_key', 'record_undated') ORDER BY name");
    while (db_row(&q)) {
        CHECK(n < MAX_TABLES);
        db_get_text(&q, t[n++].name, NAME_LEN);
    }
    *ret_n = n;
    return db_end(&q);
}

int verify_tables(struct verify *v)
{
    size_t n = 0;
    struct table *t = calloc(MAX_TABLES, sizeof *t);
    if (!t)
        return OC_ENOMEM;
    int rc = list_tables(v, t, &n);
    for (size_t i = 0; !rc && i < n; i++)
        rc = check_table(v, &t[i]);
    free(t);
    return rc;
}
