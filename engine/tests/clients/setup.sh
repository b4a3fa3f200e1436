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
debian go golang-go
debian npm npm
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

go_programs() {
    mkdir -p "$cache/go"
    (cd "$here/go" && go vet ./... && go build -o "$cache/go/" ./franz ./sarama)
}

# The programs look for node_modules beside themselves.
node_clients() {
    npm ci --prefix "$here/node" --no-audit --no-fund --no-update-notifier --loglevel=error
}

once python "$here/requirements.txt" -- python_clients
once java-lib "$here/java/pom.xml" -- java_clients
# java_clients empties the folder the programs are compiled into, hence pom.xml.
once java-classes "$here/java/pom.xml" "$here"/java/*.java -- java_programs
once go "$here"/go/go.* "$here"/go/*/*.go -- go_programs
[[ -d $here/node/node_modules ]] || rm -f "$cache/node.stamp"
once node "$here"/node/package*.json "$here"/node/snappy/* -- node_clients
