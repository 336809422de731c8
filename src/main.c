/* onecardd: arguments, the life of the daemon, and word to the service manager. */
#include "serve/serve.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode { MODE_RUN, MODE_CHECK, MODE_SAMPLE, MODE_MINIMAL, MODE_DUMP };

static void usage(FILE *to)
{
    (void)fputs("onecardd " ONECARD_VERSION ": the card transaction switch\n"
                "  onecardd -c FILE            serve the site that FILE configures, in the "
                "foreground\n"
                "  onecardd --check -c FILE    print every mistake in it and in what it points to\n"
                "  onecardd --dump -c FILE     print what is in force, defaults included\n"
                "  onecardd --sample           print a file with every key, its default and a "
                "sentence\n"
                "  onecardd --minimal          print the smallest file\n"
                "  onecardd --version\n"
                "SIGTERM and SIGINT let dialogues end and stop; SIGHUP reads policy and log level "
                "again.\n"
                "A new site is made by `onecardctl init --dir DIR`.\n",
                to);
}

static void on_ready(struct serve *s, void *arg)
{
    struct buf words;
    (void)arg;
    buf_init(&words, 1024);
    serve_describe(s, &words);
    (void)fprintf(stderr, "onecardd: ready, %s\n", buf_cstr(&words));
    (void)fflush(stderr);
    buf_fini(&words);
    manager_tell("READY=1");
}

static WORKER_FN int run(const char *file)
{
    struct serve *s = NULL;
    struct serve_opts o = {.file = file, .ready = on_ready};
    secret_harden_process();
    int rc = serve_open(&o, &s);
    if (rc == 0)
        rc = serve_run(s);
    manager_tell("STOPPING=1");
    serve_close(&s);
    if (rc == 0)
        (void)fputs("onecardd: stopped\n", stderr);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static WORKER_FN int check(const char *file, struct buf *out)
{
    int rc = serve_config_check(file, out);
    if (rc == 0)
        buf_printf(out, "%s: good\n", file);
    return rc;
}

static WORKER_FN int print(enum mode mode, const char *file)
{
    struct buf out;
    int rc = 0;
    buf_init(&out, 0);
    if (mode == MODE_CHECK)
        rc = check(file, &out);
    else if (mode == MODE_DUMP)
        rc = serve_config_dump(file, &out);
    else if (mode == MODE_SAMPLE)
        serve_config_sample(&out);
    else
        serve_config_minimal(&out);
    (void)fputs(buf_cstr(&out), rc == 0 ? stdout : stderr);
    buf_fini(&out);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"sample", no_argument, NULL, 's'},       {"minimal", no_argument, NULL, 'm'},
        {"dump", no_argument, NULL, 'd'},         {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    enum mode mode = MODE_RUN;
    const char *file = NULL;
    int opt;
    ROLE_ENTER_WORKER();
    while ((opt = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (opt) {
        case 'c':
            file = optarg;
            break;
        case 'k':
            mode = MODE_CHECK;
            break;
        case 's':
            mode = MODE_SAMPLE;
            break;
        case 'm':
            mode = MODE_MINIMAL;
            break;
        case 'd':
            mode = MODE_DUMP;
            break;
        case 'V':
            (void)puts("onecardd " ONECARD_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return 2;
        }
    }
    bool wants_file = mode == MODE_RUN || mode == MODE_CHECK || mode == MODE_DUMP;
    if (optind < argc || (wants_file && !file)) {
        if (optind < argc)
            (void)fprintf(stderr, "onecardd: what is \"%s\"?\n", argv[optind]);
        usage(stderr);
        return 2;
    }
    /* Paths in it count from where the file really lies, and stay true whatever the folder we were started in. */
    static char real[PATH_MAX];
    if (mode == MODE_RUN && realpath(file, real))
        file = real;
    return mode == MODE_RUN ? run(file) : print(mode, file);
}
