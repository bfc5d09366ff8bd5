#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Runs a command against a router in a box, and fails when the command fails or leaves a port open.
# The command finds the router in its environment:
#
#   ROUTER       address and port of PCP and NAT-PMP
#   ROUTER_SSDP  where SSDP searches go
#   ROUTER_URL   the URL of the UPnP description
#
# with_router.sh sh -c 'plum map 8080 --gateway "$ROUTER" --for 0'
# QUIRKS='conflict-on-renewal http10' with_router.sh ./my-tests
set -eu
[ $# -gt 0 ] || {
    echo 'usage: [QUIRKS="NAME ..."] with_router.sh COMMAND [ARGUMENT ...]' >&2
    exit 2
}

folder=$(mktemp -d)
router=
trap '[ -z "$router" ] || kill "$router"; rm -rf "$folder"' EXIT
mkfifo "$folder/said"

options=
for quirk in ${QUIRKS-}; do
    options="$options --quirk $quirk"
done
# shellcheck disable=SC2086 # a list of words
plum gateway --ephemeral --json --log "$folder/log" $options >"$folder/said" &
router=$!
exec 3<"$folder/said"

# The first line comes when all ports are open; it is empty when they are not.
read -r line <&3 || {
    router=
    exit 1
}
field() {
    printf '%s\n' "$line" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}
ROUTER=$(field addr) ROUTER_SSDP=$(field ssdp_addr) ROUTER_URL=$(field description)
export ROUTER ROUTER_SSDP ROUTER_URL

status=0
"$@" || status=$?

kill "$router" # SIGTERM: it tells what is left and ends
wait "$router"
router=

open=0
while read -r line <&3; do
    case $line in
        *'"event":"mapped"'*) open=$((open + 1)) ;;
        *'"event":"unmapped"'* | *'"event":"expired"'*) open=$((open - 1)) ;;
    esac
done
echo "with_router: $(grep -c '"direction":"Request"' "$folder/log") requests, $open ports left open" >&2
[ "$open" -eq 0 ] || exit 1
exit "$status"
