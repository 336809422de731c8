/* The program: everything is in ctl_main, so that tests run it too. */
#include "ctl.h"

#include <signal.h>

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    return ctl_main(argc, argv, stdout, stderr);
}
