/*
 * The program around the card: one loop over the virtual reader's socket, the control socket and
 * signals. Everything is in struct sim; an answer held back by a `slow` fault is `pending`, and
 * while it is, nothing more is read from the reader.
 */
#ifndef CARDSIM_SIM_H
#define CARDSIM_SIM_H

#include "cardsim.h"

#include <stdio.h>

enum { SIM_CLIENTS = 8, SIM_LINE = 1024 };

struct sim_client {
    int fd;     /* -1: free */
    bool waits; /* for wait-idle */
    size_t len;
    char line[SIM_LINE];
};

struct sim {
    struct cardsim *card;
    const char *host, *port;
    char state_path[SIM_LINE]; /* empty: not kept */
    FILE *log;                 /* NULL: none */
    bool present, quit;
    unsigned return_after_ms; /* 0: stays out after being torn */
    int64_t return_at;        /* 0: no return due */
    int64_t connect_at;       /* next try to reach the reader */
    int64_t last_command;
    int reader; /* -1: not connected */
    size_t in_len;
    uint8_t in[2 + 65536];
    size_t pending_len;
    int64_t pending_at;
    uint8_t pending[2 + CARDSIM_RESPONSE_MAX];
    int listener;
    const char *control_path;
    struct sim_client clients[SIM_CLIENTS];
};

int64_t sim_now_ms(void);
/* Saves the card when it changed and a state file is kept; complains on stderr when it cannot. */
void sim_keep(struct sim *s);

/* reader.c: the vpcd protocol. All return at once but for the connect to the reader's host. */
void reader_insert(struct sim *s);
void reader_remove(struct sim *s);
void reader_try_connect(struct sim *s);
void reader_readable(struct sim *s);
void reader_send_pending(struct sim *s);

/* control.c: 0, or -1 with a message on stderr */
int control_open(struct sim *s, const char *path);
void control_accept(struct sim *s);
void control_readable(struct sim *s, struct sim_client *client);
/* Answers those who wait for idleness, when it has come. */
void control_idle(struct sim *s);
void control_close(struct sim *s);

#endif
