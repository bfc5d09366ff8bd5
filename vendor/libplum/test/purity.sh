#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# plum_core asks nothing of the system: no socket, clock, thread or allocator; and it leaves nothing
# unprefixed and keeps no state of its own. Usage: purity.sh NM ARCHIVE
set -eu
nm=$1
archive=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$nm" -g --defined-only -P "$archive" | awk 'NF >= 2 { print $1 }' | sort -u >"$work/defined"
"$nm" -u -P "$archive" | awk 'NF >= 2 { print $1 }' | sort -u >"$work/undefined"
[ -s "$work/defined" ] || { echo "no symbols in $archive"; exit 1; }

# What the compiler itself calls, the memory and string functions that need no system, and the
# sanitizers.
allowed='^(bcmp|mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|chr)|__(memcpy|memmove|memset)_chk'
allowed=$allowed'|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__[ualt]san_.*|__ubsan_.*|__sanitizer_.*'
allowed=$allowed'|__u?(div|mod)[dt]i3|__asan_.*|__tsan_.*|__llvm_.*|__gcov_.*)$'

bad=0
comm -13 "$work/defined" "$work/undefined" | grep -Ev "$allowed" >"$work/foreign" || true
if [ -s "$work/foreign" ]; then
    echo "plum_core calls what it may not:"
    "$nm" -A -u -P "$archive" | grep -wFf "$work/foreign"
    bad=1
fi

grep -Ev '^(plum_|__odr_asan\.|__odr_asan_gen_plum_|__asan_|__tsan_)' "$work/defined" >"$work/unprefixed" || true
if [ -s "$work/unprefixed" ]; then
    echo "plum_core exports names without plum_:"
    cat "$work/unprefixed"
    bad=1
fi

# Writable data: .data and .bss, not .data.rel.ro. A sanitized build adds its own.
if ! grep -qE '^__(asan|tsan|ubsan|sanitizer)' "$work/undefined"; then
    "$nm" --defined-only -f sysv "$archive" | grep -E '\|(\.data|\.bss|\*COM\*)(\.[^r][^|]*)?$' |
        grep -v '\.data\.rel\.ro' >"$work/state" || true
    if [ -s "$work/state" ]; then
        echo "plum_core keeps static state:"
        cat "$work/state"
        bad=1
    fi
fi
[ "$bad" = 0 ] && echo "pure: $(wc -l <"$work/defined") names, none foreign"
exit "$bad"
