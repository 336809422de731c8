#!/bin/sh
# Builds the module that docs/MODULES.md shows, exactly as it stands there, and a larger one (library/library.c), against
# installed headers and nothing else, then loads and asks them. Arguments: source folder, build folder. ONECARD_PREFIX: an installation to build against; without it
# the build folder's installation rules make one, or, in a partial build that has none, its two parts are laid out here.
set -eu
src=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

prefix=${ONECARD_PREFIX:-$work/prefix}
if [ -z "${ONECARD_PREFIX:-}" ]; then
    cmake --install "$build" --prefix "$prefix" --component Unspecified >"$work/install.log" 2>&1 || true
    if [ ! -f "$prefix/lib/pkgconfig/onecard-module.pc" ]; then
        mkdir -p "$prefix/include" "$prefix/lib/pkgconfig"
        cp -r "$src/include/onecard" "$prefix/include/"
        sed 's/@PROJECT_VERSION@/0/' "$src/conf/onecard-module.pc.in" >"$prefix/lib/pkgconfig/onecard-module.pc"
    fi
fi
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"

# The text between the line "```c canteen.c" and the next "```".
awk '/^```c canteen\.c$/ { on = 1; next } /^```/ { on = 0 } on' "$src/docs/MODULES.md" >"$work/canteen.c"
lines=$(wc -l <"$work/canteen.c")
[ "$lines" -gt 20 ] && [ "$lines" -lt 60 ] || { echo "the example has $lines lines, not under 60" >&2; exit 1; }
# The command of the text, with warnings as errors added.
command=$(sed -n 's/^    \(cc -shared .*canteen\.c.*\)$/\1/p' "$src/docs/MODULES.md" | head -1)
[ -n "$command" ] || { echo "docs/MODULES.md shows no cc command" >&2; exit 1; }
(cd "$work" && eval "$command -Wall -Wextra -Werror")

expect() { # words, then the arguments of try_module
    words=$1; shift
    out=$("$build/tests/try_module" "$work" "$module" "$@" 2>/dev/null) || true
    case $out in *"$words"*) ;; *) echo "$module $*: got $out, expected $words" >&2; exit 1 ;; esac
}
module=canteen
expect '"account":"merchant","owner":"shop","amount_fen":1500' canteen.meal 0 '{"meal":"dinner"}'
expect '"key":"meals","version_read":0' meal
expect '"refused":"parameter"' canteen.meal 0 '{"meal":"breakfast"}'
expect '"refused":"parameter"' canteen.meal 0 '{"mael":"lunch"}'

# Lent and returned by the real daemon: tests/e2e/73-library.sh.
(cd "$work" && cc -shared -fPIC -Wall -Wextra -Werror $(pkg-config --cflags onecard-module) -o library.so "$src/tests/module/library/library.c")
module=library
expect '"key":"book","version_read":0' library.add 0 '{"copy":"A1","title":"Dreams"}'
expect '"refused":"parameter"' library.add 0 '{"copy":"A 1","title":"Dreams"}'
expect '"refused":"no_citizen"' library.borrow 0 '{"copy":"A1"}'
echo "the module of docs/MODULES.md builds in $lines lines, loads and decides; so does the library's"
