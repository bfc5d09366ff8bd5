#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# The shared library exports exactly what the headers declare. Usage: symbols.sh NM LIBRARY HEADERS
set -eu
nm=$1
library=$2
headers=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A declaration may go on over several lines: join them first.
cat "$headers/plum.h" "$headers/client.h" | tr '\n' ' ' | tr ';' '\n' |
    grep -o 'PLUM_EXPORT [a-z][^(]*(' | sed 's/ *($//; s/.*[ *]//' | sort -u >"$work/declared"
"$nm" -D --defined-only -P "$library" | awk '$2 ~ /^[TDBRVW]$/ { print $1 }' |
    grep -Ev '^(_init|_fini|__odr_asan.*|__asan_.*|__tsan_.*|__ubsan_.*|__sanitizer_.*)$' |
    sort -u >"$work/exported"
[ -s "$work/declared" ] || { echo "no declarations found in $headers"; exit 1; }
if ! cmp -s "$work/declared" "$work/exported"; then
    echo "declared and exported differ (< declared only, > exported only):"
    diff "$work/declared" "$work/exported"
    exit 1
fi
echo "$(wc -l <"$work/exported") functions, each declared and exported"
