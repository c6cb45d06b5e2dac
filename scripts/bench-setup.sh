#!/usr/bin/env sh
# The benchmark's peers have a folder and a lock file of their own; they are installed once, and anew when it changes.
set -eu
cd "$(dirname "$0")/../bench"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci
