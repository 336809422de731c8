/* Word to the service manager (systemd's sd_notify protocol): one datagram, if one asked for it. */
#ifndef BASE_MANAGER_H
#define BASE_MANAGER_H

/** Tells it `text`, such as "READY=1". Does nothing where $NOTIFY_SOCKET is not set; failures are not told. */
void manager_tell(const char *text);

#endif
