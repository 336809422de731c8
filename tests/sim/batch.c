/* Closed days: what a night has published is never touched again, whatever doubt ends later. */
#include "city.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_FILE_MAX (4 << 20)

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static WORKER_FN void add_file(struct sim_trace *t, const char *path)
{
    struct buf b;
    buf_init(&b, BATCH_FILE_MAX);
    CHECK(file_read(path, &b) == 0);
    sim_trace_bytes(t, b.data, b.len);
    buf_fini(&b);
}

/* Names and bytes of all that lies in a day's folder, in order of names. */
static WORKER_FN uint64_t print_of(const char *dir)
{
    char *names[512], path[640];
    size_t n = 0;
    struct sim_trace t;
    struct dirent *e;
    sim_trace_init(&t, false);
    DIR *d = opendir(dir);
    CHECK(d);
    while ((e = readdir(d)) != NULL && n < ARRAY_LEN(names))
        if (e->d_name[0] != '.')
            CHECK((names[n++] = strdup(e->d_name)) != NULL);
    (void)closedir(d);
    qsort(names, n, sizeof names[0], by_name);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        sim_trace_bytes(&t, names[i], strlen(names[i]));
        add_file(&t, path);
        free(names[i]);
    }
    return t.hash;
}

static void compare(struct city *c, date_t date, uint64_t print)
{
    for (unsigned i = 0; i < c->batch_count; i++) {
        if (c->batches[i].date != date)
            continue;
        MUST(c, c->batches[i].print == print, "R11: the files of %d, published, have changed",
             date);
        return;
    }
    CHECK(c->batch_count < ARRAY_LEN(c->batches));
    c->batches[c->batch_count].date = date;
    c->batches[c->batch_count++].print = print;
    sim_trace_put(&c->trace, c->machine.now_ns, "day %d is published: %016llx", date,
                  (unsigned long long)print);
}

void batches_look(struct city *c)
{
    char dir[96], path[320];
    struct dirent *e;
    date_t days[CITY_DAYS];
    unsigned n = 0;
    ROLE_ENTER_WORKER();
    (void)snprintf(dir, sizeof dir, "%s/settlement", c->dir);
    DIR *d = opendir(dir);
    while (d && (e = readdir(d)) != NULL && n < CITY_DAYS)
        n += e->d_name[0] != '.' && date_parse(e->d_name, &days[n]) == 0;
    if (d)
        (void)closedir(d);
    for (unsigned i = 0; i < n; i++) {
        char text[11];
        (void)snprintf(path, sizeof path, "%s/%s", dir, date_text(days[i], text));
        compare(c, days[i], print_of(path));
    }
}
