#!/usr/bin/env bash
# Runs pytest with the pinned clients; arguments go to pytest. Needs setup.sh to have run.
#
#   run.sh                                   every journey against ringlog
#   run.sh --broker kafka test_java.py       one client against Apache Kafka
set -euo pipefail
cd "$(dirname "$0")"
exec ../../../.cache/venv/bin/python -m pytest "$@"
