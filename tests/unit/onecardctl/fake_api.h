/* An API server for tests: a Unix socket, a script of answers, a record of what was asked. It
 * asserts nothing itself. */
#ifndef TEST_ONECARDCTL_FAKE_API_H
#define TEST_ONECARDCTL_FAKE_API_H

#include <pthread.h>
#include <stdbool.h>

#define FAKE_STEPS 16

struct fake_step {
    const char *method, *path; /* path: how it begins */
    int status;                /* 0: close without an answer */
    const char *body;
    int delay_ms; /* before the answer; ends early when the client goes */
    int signal;   /* sent to this process when the request has come, 0: none */
    bool stop;    /* the server ends after this step: nobody listens any more */
};
struct fake_asked {
    char method[8], path[256], body[2048];
    bool expected; /* as the script says */
    bool gone;     /* the client left before its answer */
};
struct fake_api {
    char dir[64], path[100], text[4096];
    const struct fake_step *steps;
    int count, listener;
    struct fake_asked asked[FAKE_STEPS];
    int asked_count;
    pthread_t thread;
};

/** Listens and answers by the script, in order. 0, or -1. */
int fake_api_start(struct fake_api *f, const struct fake_step *steps, int count);
/** Ends the server and removes its socket. */
void fake_api_stop(struct fake_api *f);

#endif
