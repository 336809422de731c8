#!/usr/bin/env bash
# The real daemon under TLS load is stopped, runs out of disk, finds its files read-only, and its clock jumps: transactions stop,
# say why and go on; card and books agree.
here=$(cd "$(dirname "$0")" && pwd)
root=${ONECARD_ROOT:-$(cd "$here/../.." && pwd)}
exec /usr/bin/python3 "$root/tests/crash/crash.py" stopped full read-only clock --build "${ONECARD_BUILD:-$root/build}" --cards 4000 --terminals 50
