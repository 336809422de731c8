/* The public face of serve: the daemon's configuration, its start and its end. */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "serve/boot.h"
#include "serve/config.h"

#endif
