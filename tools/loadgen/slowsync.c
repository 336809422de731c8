/* LD_PRELOAD=libslowsync.so SLOWSYNC_MS=5: each fsync and fdatasync takes so many milliseconds
 * more, as on a slower disk. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_more(void)
{
    const char *text = getenv("SLOWSYNC_MS");
    long ms = text ? strtol(text, NULL, 10) : 0;
    const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    if (ms > 0)
        (void)nanosleep(&ts, NULL);
}

static int next(const char *name, int fd)
{
    int (*fn)(int) = NULL;
    *(void **)&fn = dlsym(RTLD_NEXT, name);
    return fn(fd);
}

int fsync(int fd)
{
    wait_more();
    return next("fsync", fd);
}

int fdatasync(int fd)
{
    wait_more();
    return next("fdatasync", fd);
}
