#!/usr/bin/env bash
# Fetches the real Kafka clients by package name, each at its pinned version, into .cache/.
# Does nothing for what is already there and unchanged.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../../.." && pwd)/.cache
mkdir -p "$cache"

# debian COMMAND PACKAGE: install the package unless the command is there.
missing=()
debian() { command -v "$1" >/dev/null || missing+=("$2"); }
debian kcat kcat
debian java default-jdk-headless
debian javac default-jdk-headless
debian mvn maven
debian mkfs.ext4 e2fsprogs
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]})); then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# once NAME FILE... -- COMMAND...: run the command when one of the files changed since it passed.
once() {
    local name=$1 files=()
    shift
    while [[ $1 != -- ]]; do files+=("$1"); shift; done
    shift
    local stamp="$cache/$name.stamp" sum
    sum=$(sha256sum "${files[@]}" | cut -d' ' -f1)
    [[ -f $stamp && $(<"$stamp") == "$sum" ]] && return
    echo "fetching: $name"
    "$@"
    printf '%s\n' "$sum" >"$stamp"
}

python_clients() {
    python3 -m venv --clear "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
}

java_clients() {
    rm -rf "$cache/java"
    mvn -q -B -f "$here/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/java/lib"
}

java_programs() {
    mkdir -p "$cache/java/classes"
    javac -Werror -Xlint:all,-processing -cp "$cache/java/lib/*" -d "$cache/java/classes" "$here"/java/*.java
}

once python "$here/requirements.txt" -- python_clients
once java-lib "$here/java/pom.xml" -- java_clients
# java_clients empties the folder the programs are compiled into, hence pom.xml.
if compgen -G "$here/java/*.java" >/dev/null; then
    once java-classes "$here/java/pom.xml" "$here"/java/*.java -- java_programs
fi
