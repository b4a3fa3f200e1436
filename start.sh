#!/usr/bin/env bash
# Builds the broker and runs it with defaults. Arguments go to `ringlog start --dev`.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v cargo >/dev/null; then
    echo "Rust 1.95 or newer is needed: install it with rustup, then run this again." >&2
    exit 1
fi
if ! command -v cc >/dev/null; then
    echo "Installing a C compiler (Debian package build-essential)" >&2
    apt-get update -qq && apt-get install -y -qq build-essential >&2
fi
cargo build --release --locked --quiet -p engine >&2
exec "${CARGO_TARGET_DIR:-target}/release/ringlog" start --dev "$@"
