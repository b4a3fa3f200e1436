#!/bin/sh
# Runs a command in turn on the host as it is and on the host as tuned, so that drift of the machine
# hits both alike. The host is always left as found.
#
#   alternate.sh PAIRS FOLDER COMMAND [ARGUMENT...]
#
# FOLDER gets 1-found.out, 1-tuned.out, 2-found.out, ... APPLY holds arguments for `ringlog-tune apply`,
# TUNE the program (default: the one in PATH). Needs root. Every second pair runs in the other order.
set -eu
if [ $# -lt 3 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
pairs=$1 folder=$2
shift 2
tune=${TUNE:-ringlog-tune}
if [ -e /var/lib/ringlog-tune/journal ]; then
    echo "something is applied already: run ringlog-tune undo first" >&2
    exit 1
fi
is_tuned=no
leave() {
    [ "$is_tuned" = no ] || "$tune" undo >&2
}
trap leave EXIT
trap 'exit 130' INT TERM
mkdir -p "$folder"

found() {
    "$@" >"$folder/$pair-found.out" 2>&1
}
tuned() {
    is_tuned=yes
    # shellcheck disable=SC2086 # several arguments on purpose
    "$tune" apply ${APPLY:-} >"$folder/$pair-apply.out" 2>&1 || true
    "$tune" verify >>"$folder/$pair-apply.out" 2>&1 || true
    "$@" >"$folder/$pair-tuned.out" 2>&1
    "$tune" undo >>"$folder/$pair-apply.out" 2>&1
    is_tuned=no
}

pair=1
while [ "$pair" -le "$pairs" ]; do
    if [ $((pair % 2)) -eq 1 ]; then
        found "$@"
        tuned "$@"
    else
        tuned "$@"
        found "$@"
    fi
    echo "pair $pair of $pairs done"
    pair=$((pair + 1))
done
