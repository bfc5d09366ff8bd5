#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# A program that knows only the installed files builds and runs: by pkg-config, by find_package, and
# with the project as its subdirectory. An in-source build is refused.
# Usage: packaging.sh CMAKE SOURCE BUILD CC CFLAGS SANITIZE
set -eu
cmake=$1
source=$2
build=$3
cc=$4
flags=$5
[ -n "$6" ] && flags="$flags -fsanitize=$6"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/root" >/dev/null
cat >"$work/main.c" <<'C'
#include <plum/plum.h>
int main(void)
{
    return plum_cleanup() == PLUM_ERR_FAILED ? 0 : 1;
}
C

pc=$(find "$work/root" -name plum.pc)
if command -v pkg-config >/dev/null; then
    PKG_CONFIG_PATH=$(dirname "$pc")
    export PKG_CONFIG_PATH
    [ "$(pkg-config --modversion plum)" = 0.6.0 ]
    [ "$(pkg-config --variable=client_h plum)" = yes ]
    # shellcheck disable=SC2046,SC2086
    "$cc" $flags "$work/main.c" $(pkg-config --cflags --libs plum) \
        -o "$work/by-pkg-config"
    LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")") "$work/by-pkg-config"
    # shellcheck disable=SC2046,SC2086
    "$cc" $flags "$work/main.c" -DPLUM_STATIC "$(dirname "$(dirname "$pc")")/libplum.a" -pthread \
        $(pkg-config --cflags plum) -o "$work/by-archive"
    "$work/by-archive"
    echo "pkg-config: built and ran"
elif [ -n "${CI:-}" ]; then
    echo "pkg-config is not installed"
    exit 1
else
    echo "pkg-config is not installed: that part was not tested"
fi

consumer() { # folder, the line that brings libplum in
    mkdir "$work/$1"
    cp "$work/main.c" "$work/$1/"
    cat >"$work/$1/CMakeLists.txt" <<C
cmake_minimum_required(VERSION 3.16)
project(consumer C)
$2
add_executable(shared main.c)
target_link_libraries(shared PRIVATE LibPlum::LibPlum)
add_executable(static main.c)
target_link_libraries(static PRIVATE LibPlum::LibPlumStatic)
C
    "$cmake" -S "$work/$1" -B "$work/$1/build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$flags" \
        -DCMAKE_PREFIX_PATH="$work/root" >"$work/$1/log" || { cat "$work/$1/log"; exit 1; }
    "$cmake" --build "$work/$1/build" >"$work/$1/log" || { cat "$work/$1/log"; exit 1; }
    "$work/$1/build/shared"
    "$work/$1/build/static"
    echo "$1: built and ran"
}
consumer find_package 'find_package(LibPlum 0.6 REQUIRED)'
consumer add_subdirectory "add_subdirectory($source libplum)"
if [ -e "$work/add_subdirectory/build/libplum/test" ]; then
    echo "a subproject builds libplum's own tests"
    exit 1
fi

mkdir "$work/copy"
cp -r "$source/CMakeLists.txt" "$source/cmake" "$work/copy/"
if (cd "$work/copy" && "$cmake" . >"$work/log" 2>&1); then
    echo "an in-source build was not refused"
    exit 1
fi
grep -q 'not built inside its source tree' "$work/log"
echo "in-source: refused"
