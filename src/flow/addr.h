/* Socket addresses. Private to this folder. */
#ifndef FLOW_ADDR_H
#define FLOW_ADDR_H

#include "base/base.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct addr {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage storage;
    };
    socklen_t len;
};

/** OC_ELIMIT: path too long or empty. */
int addr_unix(const char *path, struct addr *ret) MUST_USE;
/** Numeric addresses only. OC_EINVAL. */
int addr_tcp(const char *text, int port, struct addr *ret) MUST_USE;
/** A non-blocking stream socket of the address's family, or -1 and errno. */
int addr_socket(const struct addr *a);
/** The local port of a TCP socket, 0 of another. */
int addr_port(int fd);

#endif
