/* A whole fare table from its document. */
#include "read.h"

#include <stdlib.h>
#include <string.h>

static const struct field top[] = {
    {.name = "name", FIELD(FIELD_TEXT, struct fare_table, name, .required = true)},
    {.name = "title", FIELD(FIELD_TEXT, struct fare_table, title)},
    {.name = "title_zh", FIELD(FIELD_TEXT, struct fare_table, title_zh)},
    {.name = "from", FIELD(FIELD_DATE, struct fare_table, from, .required = true)},
    {.name = "until", FIELD(FIELD_DATE, struct fare_table, until)},
    {.name = "kind", .type = FIELD_OTHER, .required = true},
    {.name = "flat", FIELD(FIELD_FEN, struct fare_table, flat)},
    {.name = "lines", .type = FIELD_OTHER},
    {.name = "stations", .type = FIELD_OTHER},
    {.name = "links", .type = FIELD_OTHER},
    {.name = "bands", .type = FIELD_OTHER},
    {.name = "pairs", .type = FIELD_OTHER},
    {.name = "hours", .type = FIELD_OTHER},
    {.name = "hours_borne", FIELD(FIELD_BORNE, struct fare_table, hours_borne)},
    {.name = "concessions", .type = FIELD_OTHER},
    {.name = "transfer", .type = FIELD_OTHER},
    {.name = "steps", .type = FIELD_OTHER},
    {.name = "steps_borne", FIELD(FIELD_BORNE, struct fare_table, step_borne)},
    {.name = "caps", .type = FIELD_OTHER},
    {.name = "passes", .type = FIELD_OTHER},
    {.name = "over_time", .type = FIELD_OTHER},
    {.name = "same_station", .type = FIELD_OTHER},
    {.name = "missing_exit", .type = FIELD_OTHER},
    {.name = "missing_entry", .type = FIELD_OTHER},
    {.name = "pass_back_seconds", FIELD(FIELD_SECONDS, struct fare_table, pass_back, .max = 86400)},
    {.name = "entry_least", FIELD(FIELD_FEN, struct fare_table, entry_least)},
};

static void read_kind(struct reading *r, const struct onecard_doc *d, struct fare_table *t)
{
    static const char *const names[] = {"", "flat", "zones", "distance"};
    const char *word = r->host->doc_as_text(d);
    for (int i = FARE_FLAT; word && i <= FARE_DISTANCE; i++) {
        if (strcmp(word, names[i]) == 0) {
            t->kind = (enum fare_kind)i;
            return;
        }
    }
    t->kind = FARE_FLAT;
    if (d) {
        read_fault(r, d, "kind: flat, zones or distance");
    }
}

struct fare_table *fare_table_read(const struct onecard_host *host, const struct onecard_doc *d,
                                   const char *file, unsigned *faults)
{
    struct reading r = {.host = host, .file = file};
    struct fare_table *t = calloc(1, sizeof(*t));
    *faults = 0;
    if (!t) {
        return NULL;
    }
    size_t len = strlen(file), keep = sizeof(t->file) - 1;
    strcpy(t->file, len > keep ? file + (len - keep) : file);
    if (read_object(&r, d, top, sizeof(top) / sizeof(top[0]), t)) {
        read_kind(&r, host->doc_get(d, "kind"), t);
        read_net(&r, d, t);
        read_rules(&r, d, t);
        if (t->until && t->until < t->from) {
            read_fault(&r, host->doc_get(d, "until"), "it ends before it begins");
        }
    }
    if (r.faults) {
        *faults = r.faults;
        fare_table_free(t);
        return NULL;
    }
    return t;
}
