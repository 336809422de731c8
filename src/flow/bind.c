/* Listening descriptors. A Unix socket's file outlives a killed process: it is taken away when
 * nobody answers on it. The permission bits are set between bind and listen, so nobody connects
 * with others. */
#include "flow/sock.h"

#include "base/base.h"
#include "flow/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel takes net.core.somaxconn when that is less */

int addr_unix(const char *path, struct addr *ret)
{
    struct addr a = {0};
    if (path[0] == '\0' || strlen(path) >= sizeof a.un.sun_path)
        return OC_ELIMIT;
    a.un.sun_family = AF_UNIX;
    memcpy(a.un.sun_path, path, strlen(path) + 1);
    a.len = sizeof a.un;
    *ret = a;
    return 0;
}

int addr_tcp(const char *text, int port, struct addr *ret)
{
    struct addr a = {0};
    if (port < 0 || port > 65535)
        return OC_EINVAL;
    if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
        a.in.sin_family = AF_INET;
        a.in.sin_port = htons((uint16_t)port);
        a.len = sizeof a.in;
    } else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_port = htons((uint16_t)port);
        a.len = sizeof a.in6;
    } else {
        return OC_EINVAL;
    }
    *ret = a;
    return 0;
}

int addr_socket(const struct addr *a)
{
    return socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static bool somebody_listens(const struct addr *a)
{
    int fd = addr_socket(a);
    if (fd < 0)
        return true;
    int rc = connect(fd, &a->any, a->len);
    bool listens = rc == 0 || (errno != ECONNREFUSED && errno != ENOENT);
    (void)close(fd);
    return listens;
}

static int clear_stale(const char *path, const struct addr *a)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode) || somebody_listens(a)) {
        log_error("flow", "cannot listen: %s is in use", path);
        return OC_EEXIST;
    }
    log_info("flow", "removing a socket file left behind path=%s", path);
    return unlink(path) == 0 || errno == ENOENT ? 0 : OC_EIO;
}

static int failed(int fd, const char *where)
{
    log_error("flow", "cannot listen on %s: %s", where, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return OC_EIO;
}

int sock_bind_unix(const char *path, mode_t mode, int *ret_fd)
{
    struct addr a;
    int rc = addr_unix(path, &a);
    if (rc) {
        log_error("flow", "socket path of %zu bytes, at most %zu: %s", strlen(path),
                  sizeof a.un.sun_path - 1, path);
        return rc;
    }
    rc = clear_stale(path, &a);
    if (rc)
        return rc;
    int fd = addr_socket(&a);
    if (fd < 0 || bind(fd, &a.any, a.len) != 0)
        return failed(fd, path);
    if (chmod(path, mode) != 0 || listen(fd, BACKLOG) != 0) {
        rc = failed(fd, path);
        (void)unlink(path);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

int sock_bind_tcp(const char *text, int port, int *ret_fd)
{
    struct addr a;
    const int on = 1;
    int rc = addr_tcp(text, port, &a);
    if (rc) {
        log_error("flow", "not a numeric address and port: %s %d", text, port);
        return rc;
    }
    int fd = addr_socket(&a);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, &a.any, a.len) != 0 || listen(fd, BACKLOG) != 0)
        return failed(fd, text);
    *ret_fd = fd;
    return 0;
}

int addr_port(int fd)
{
    struct addr a = {.len = sizeof a.storage};
    if (getsockname(fd, &a.any, &a.len) != 0)
        return 0;
    if (a.any.sa_family == AF_INET)
        return ntohs(a.in.sin_port);
    return a.any.sa_family == AF_INET6 ? ntohs(a.in6.sin6_port) : 0;
}

const char *sock_peer_text(int fd, char out[SOCK_PEER_TEXT])
{
    struct addr a = {.len = sizeof a.storage};
    char host[INET6_ADDRSTRLEN] = "?";
    if (getpeername(fd, &a.any, &a.len) != 0)
        a.any.sa_family = AF_UNSPEC;
    if (a.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &a.in.sin_addr, host, sizeof host);
        (void)snprintf(out, SOCK_PEER_TEXT, "%s:%u", host, ntohs(a.in.sin_port));
    } else if (a.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &a.in6.sin6_addr, host, sizeof host);
        (void)snprintf(out, SOCK_PEER_TEXT, "[%s]:%u", host, ntohs(a.in6.sin6_port));
    } else {
        (void)snprintf(out, SOCK_PEER_TEXT, "%s", a.any.sa_family == AF_UNIX ? "unix" : "?");
    }
    return out;
}

int sock_peer(int fd, uid_t *ret_uid, gid_t *ret_gid, pid_t *ret_pid)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 || cred.uid == (uid_t)-1)
        return OC_EIO;
    *ret_uid = cred.uid;
    *ret_gid = cred.gid;
    *ret_pid = cred.pid;
    return 0;
}
