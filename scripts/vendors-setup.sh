#!/usr/bin/env sh
# The clients of other people's protocols have a folder and a lock file of their own. They are installed once, and again
# when it changes.
set -eu
cd "$(dirname "$0")/../test/vendors"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --ignore-scripts --no-audit --no-fund
