#!/usr/bin/env sh
# The benchmark's peers have a folder and a lock file of their own. They are installed once, and again when it changes.
set -eu
cd "$(dirname "$0")/../bench"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci
