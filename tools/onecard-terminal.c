/* onecard-terminal: arguments, the life of the agent, and word to the service manager. */
#include "terminal/terminal.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode { MODE_RUN, MODE_CHECK, MODE_SAMPLE, MODE_MINIMAL, MODE_DUMP };

struct args {
    enum mode mode;
    const char *file, *token, *token_file;
    bool again;
};

static void usage(FILE *to)
{
    (void)fputs("onecard-terminal " ONECARD_VERSION ": the agent of a desk PC, gate or POS box\n"
                "  onecard-terminal -c FILE            serve the readers that FILE configures, in "
                "the foreground\n"
                "  onecard-terminal enroll -c FILE --token TOKEN | --token-file FILE [--again]\n"
                "                                      get this terminal's key and certificate "
                "(\"-\": standard input)\n"
                "  onecard-terminal link -c FILE       print the address of the local page, token "
                "included\n"
                "  onecard-terminal --check -c FILE    print every mistake in it\n"
                "  onecard-terminal --dump -c FILE     print what is in force, defaults included\n"
                "  onecard-terminal --sample           print a file with every key, its default "
                "and a sentence\n"
                "  onecard-terminal --minimal          print the smallest file\n"
                "  onecard-terminal --version\n"
                "SIGTERM and SIGINT let what has begun with a card end, and stop.\n",
                to);
}

static void on_ready(struct agent *a, void *arg)
{
    struct buf words;
    (void)arg;
    buf_init(&words, 4096);
    agent_describe(a, &words);
    (void)fprintf(stderr, "onecard-terminal: ready, %s\n", buf_cstr(&words));
    (void)fflush(stderr);
    buf_fini(&words);
    manager_tell("READY=1");
}

static WORKER_FN int run(const char *file)
{
    struct agent *a = NULL;
    struct agent_opts o = {.file = file, .ready = on_ready};
    secret_harden_process();
    int rc = agent_open(&o, &a);
    if (rc == 0)
        rc = agent_run(a);
    manager_tell("STOPPING=1");
    agent_close(&a);
    if (rc == 0)
        (void)fputs("onecard-terminal: stopped\n", stderr);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static WORKER_FN int print(const struct args *g)
{
    struct buf out;
    int rc = 0;
    buf_init(&out, 0);
    if (g->mode == MODE_CHECK) {
        rc = terminal_config_check(g->file, &out);
        if (rc == 0)
            buf_printf(&out, "%s: good\n", g->file);
    } else if (g->mode == MODE_DUMP) {
        rc = terminal_config_dump(g->file, &out);
    } else if (g->mode == MODE_SAMPLE) {
        terminal_config_sample(&out);
    } else {
        terminal_config_minimal(&out);
    }
    (void)fputs(buf_cstr(&out), rc == 0 ? stdout : stderr);
    buf_fini(&out);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* One line that says what is wrong, and where help is. */
static int wrong(const char *what)
{
    (void)fprintf(stderr, "onecard-terminal: %s (onecard-terminal --help)\n", what);
    return 2;
}

/* The first line of a file: a token on the command line is seen by everybody on the machine. */
static bool read_line(const char *path, char *line, size_t size)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    bool good = f && fgets(line, (int)size, f) != NULL;
    if (f && f != stdin)
        (void)fclose(f);
    if (good)
        line[strcspn(line, "\r\n")] = '\0';
    else
        (void)fprintf(stderr, "onecard-terminal: %s cannot be read\n", path);
    return good;
}

static WORKER_FN int enroll(const struct args *g)
{
    char line[512];
    struct buf out;
    const char *token = g->token;
    if (!token && !g->token_file)
        return wrong("enroll needs --token TOKEN or --token-file FILE: `onecardctl terminal enroll "
                     "ID` makes one");
    if (!token) {
        if (!read_line(g->token_file, line, sizeof line))
            return EXIT_FAILURE;
        token = line;
    }
    secret_harden_process();
    buf_init(&out, 0);
    int rc = terminal_enroll(g->file, token, g->again, &out);
    if (rc != 0 && out.len == 0)
        buf_printf(&out, "not enrolled: %s\n", oc_strerror(rc));
    (void)fputs(buf_cstr(&out), rc == 0 ? stdout : stderr);
    buf_fini(&out);
    secret_wipe(line, sizeof line);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static WORKER_FN int page_link(const struct args *g)
{
    struct buf out;
    buf_init(&out, 0);
    int rc = terminal_page_link(g->file, &out);
    (void)fputs(buf_cstr(&out), rc == 0 ? stdout : stderr);
    buf_fini(&out);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The command line is everybody's to read as long as the program runs. */
static const char *take_token(char *arg)
{
    static char kept[512];
    size_t len = strlen(arg);
    if (len >= sizeof kept)
        return arg;
    memcpy(kept, arg, len + 1);
    memset(arg, '*', len);
    return kept;
}

/* Negative: go on; else the exit status. */
static int read_args(int argc, char **argv, struct args *g)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"sample", no_argument, NULL, 's'},
                                            {"minimal", no_argument, NULL, 'm'},
                                            {"dump", no_argument, NULL, 'd'},
                                            {"version", no_argument, NULL, 'V'},
                                            {"token", required_argument, NULL, 't'},
                                            {"again", no_argument, NULL, 'a'},
                                            {"token-file", required_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int opt;
    while ((opt = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (opt) {
        case 'c':
            g->file = optarg;
            break;
        case 'k':
            g->mode = MODE_CHECK;
            break;
        case 's':
            g->mode = MODE_SAMPLE;
            break;
        case 'm':
            g->mode = MODE_MINIMAL;
            break;
        case 'd':
            g->mode = MODE_DUMP;
            break;
        case 't':
            g->token = take_token(optarg);
            break;
        case 'f':
            g->token_file = optarg;
            break;
        case 'a':
            g->again = true;
            break;
        case 'V':
            (void)puts("onecard-terminal " ONECARD_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return 2;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct args g = {.mode = MODE_RUN};
    static char real[PATH_MAX];
    ROLE_ENTER_WORKER();
    int status = read_args(argc, argv, &g);
    if (status >= 0)
        return status;
    const char *verb = optind < argc ? argv[optind++] : "";
    bool wants_file = g.mode == MODE_RUN || g.mode == MODE_CHECK || g.mode == MODE_DUMP;
    bool enrolls = strcmp(verb, "enroll") == 0, links = strcmp(verb, "link") == 0;
    if (*verb && !enrolls && !links)
        return wrong("there is no such command: it is enroll, link, or none");
    if (optind < argc)
        return wrong("one command at a time");
    if (wants_file && !g.file)
        return wrong("which configuration? -c FILE");
    if (enrolls)
        return enroll(&g);
    if (links)
        return page_link(&g);
    /* Paths in it count from where the file really lies. */
    if (g.mode == MODE_RUN && realpath(g.file, real))
        g.file = real;
    return g.mode == MODE_RUN ? run(g.file) : print(&g);
}
