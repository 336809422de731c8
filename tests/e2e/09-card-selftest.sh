#!/usr/bin/env bash
# The independent card's own arithmetic and habits against the published vectors: before it judges the switch.
python3 "$(dirname "$0")/card.py" --selftest "${ONECARD_ROOT:-$(dirname "$0")/../..}/tests/vectors/card.json"
