/* The program: everything is in ctl_main, so that tests run it too. */
#include "ctl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Options whose values nobody but us needs to see. */
static const char *const secret[] = {"--clear", "--holder",  "--holder-phone",
                                     "--name",  "--phone",   "--address",     "--born", "--code"};

static size_t secret_name(const char *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
        size_t len = strlen(secret[i]);
        if (strncmp(arg, secret[i], len) == 0 && (arg[len] == '\0' || arg[len] == '='))
            return len;
    }
    return 0;
}

static void free_args(int count, char **args)
{
    for (int i = 0; i < count; i++) {
        secret_wipe(args[i], strlen(args[i]));
        free(args[i]);
    }
    free(args);
}

/* Everybody on the machine can read a command line: what is secret in ours is taken off it as the first thing. */
static char **take_args(int argc, char **argv)
{
    char **copy = calloc((size_t)argc + 1, sizeof *copy);
    for (int i = 0; copy && i < argc; i++) {
        copy[i] = strdup(argv[i]);
        if (!copy[i]) {
            free_args(i, copy);
            return NULL;
        }
        size_t name = secret_name(argv[i]);
        if (i > 0 && secret_name(argv[i - 1]) != 0 && argv[i - 1][secret_name(argv[i - 1])] == '\0')
            memset(argv[i], '*', strlen(argv[i]));
        else if (name != 0 && argv[i][name] == '=')
            memset(argv[i] + name + 1, '*', strlen(argv[i] + name + 1));
    }
    return copy;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    char **args = take_args(argc, argv);
    if (!args) {
        (void)fputs("onecardctl: out of memory\n", stderr);
        return CTL_FAILED;
    }
    int status = ctl_main(argc, args, stdout, stderr);
    free_args(argc, args);
    return status;
}
