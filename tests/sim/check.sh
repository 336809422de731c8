#!/usr/bin/env bash
# What the simulator must show: check.sh PROGRAM lives|again|kept|syncs
#   lives  many seeds, every invariant          again  the same seed twice is the same life, byte for byte
#   kept   the seeds that broke something once
#   syncs  power lost at every sync of a purchase, a load, a settlement
set -euo pipefail
sim=$(realpath "$1") what=$2
case $what in
lives)
    "$sim" --seeds "${ONECARD_SIM_SEEDS:-1-200}" --transactions "${ONECARD_SIM_TRANSACTIONS:-1000}" --jobs "$(nproc)"
    ;;
again)
    for seed in 3 8 14 16 21 39; do
        first=$("$sim" --seed $seed --transactions 200 --trace | sha256sum)
        second=$(cd / && "$sim" --seed $seed --transactions 200 --trace | sha256sum)
        echo "seed $seed: $first"
        [ "$first" = "$second" ] || { echo "seed $seed: two lives"; exit 1; }
    done
    [ "$("$sim" --seed 1 --transactions 50 --trace)" != "$("$sim" --seed 2 --transactions 50 --trace)" ]
    ;;
kept)
    while read -r seed transactions why; do
        [ "${seed#\#}" = "$seed" ] && [ -n "$seed" ] || continue
        "$sim" --seed "$seed" --transactions "$transactions" || { echo "once: $why"; exit 1; }
    done <"$(dirname "$0")/seeds"
    ;;
syncs)
    for thing in purchase load settle; do
        "$sim" --every-sync $thing
    done
    ;;
*)
    echo "usage: check.sh PROGRAM lives|again|kept|syncs" >&2
    exit 2
    ;;
esac
