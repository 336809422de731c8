#!/bin/sh
# The compiler (clang) refuses a blocking call from a flow and a suspending one from outside. $1: the source folder.
set -u
command -v clang >/dev/null || { echo "no clang: skipped"; exit 77; }
refused() { ! clang -std=gnu17 -D_GNU_SOURCE -Wthread-safety -Werror -I"$1/src" -I"$1/include" -fsyntax-only "$2" 2>/dev/null; }
bad=0
for f in "$1"/tests/flow/roles/*.c; do
    case $f in
    */good.c) if refused "$1" "$f"; then echo "refused, should pass: $f"; bad=1; fi ;;
    *) if ! refused "$1" "$f"; then echo "passed, should be refused: $f"; bad=1; fi
       # It is the analysis that refuses, not some other mistake in the file.
       clang -std=gnu17 -D_GNU_SOURCE -I"$1/src" -I"$1/include" -fsyntax-only "$f" || bad=1 ;;
    esac
done
exit $bad
