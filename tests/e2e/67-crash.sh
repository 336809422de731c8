#!/usr/bin/env bash
# The real daemon killed at random moments and at named system calls under TLS load: nothing acknowledged is lost, nothing
# doubled. tools/crash does it for longer.
here=$(cd "$(dirname "$0")" && pwd)
root=${ONECARD_ROOT:-$(cd "$here/../.." && pwd)}
exec /usr/bin/python3 "$root/tests/crash/crash.py" kills --build "${ONECARD_BUILD:-$root/build}" --cards 4000 --terminals 50 --kills 22
