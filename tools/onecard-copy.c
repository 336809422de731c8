/* onecard-copy: arguments, configuration, word to the service manager. */
#include "copy/copy.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void usage(FILE *to)
{
    (void)fputs(
        "onecard-copy " ONECARD_VERSION ": keeps a second copy of a ledger, row by row\n"
        "  onecard-copy -c FILE            follow the daemon that FILE names, in the "
        "foreground\n"
        "  onecard-copy --check -c FILE    print every mistake in it\n"
        "  onecard-copy --sample           print a file with every key, its default and a "
        "sentence\n"
        "  onecard-copy --version\n"
        "`onecardctl copy init` makes FILE and what belongs to it; `onecardctl copy promote` "
        "puts the copy in the\nledger's place.\n",
        to);
}

static void on_ready(int64_t row)
{
    (void)fprintf(stderr, "onecard-copy: ready, at row %lld\n", (long long)row);
    (void)fflush(stderr);
    manager_tell("READY=1");
}

static WORKER_FN int read_config(const char *file, struct arena *a, struct follower_config *c)
{
    struct conf_errors errors;
    struct buf out;
    conf_errors_init(&errors);
    buf_init(&out, 0);
    int rc = conf_load(file, follower_config_schema(), a, c, &errors);
    conf_errors_print(&errors, &out);
    if (rc != 0 && out.len == 0)
        buf_printf(&out, "%s: %s\n", file, oc_strerror(rc));
    (void)fputs(buf_cstr(&out), stderr);
    buf_fini(&out);
    conf_errors_fini(&errors);
    return rc;
}

static WORKER_FN int run(const char *file, bool check)
{
    struct follower_config c;
    struct arena a;
    secret_harden_process();
    arena_init(&a, 0);
    int rc = read_config(file, &a, &c);
    if (rc == 0 && check) {
        (void)printf("%s: good\n", file);
    } else if (rc == 0) {
        log_set_level(c.log.level);
        rc = follower_run(&c, on_ready);
        manager_tell("STOPPING=1");
    }
    arena_fini(&a);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int sample(void)
{
    struct buf out;
    buf_init(&out, 0);
    conf_sample(follower_config_schema(), 0, &out);
    (void)fputs(buf_cstr(&out), stdout);
    buf_fini(&out);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"sample", no_argument, NULL, 's'},       {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    static char real[PATH_MAX];
    const char *file = NULL;
    bool check = false;
    int opt;
    ROLE_ENTER_WORKER();
    while ((opt = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (opt) {
        case 'c':
            file = optarg;
            break;
        case 'k':
            check = true;
            break;
        case 's':
            return sample();
        case 'V':
            (void)puts("onecard-copy " ONECARD_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (!file || optind < argc) {
        usage(stderr);
        return 2;
    }
    /* Paths in it count from where the file really lies. */
    return run(realpath(file, real) ? real : file, check);
}
