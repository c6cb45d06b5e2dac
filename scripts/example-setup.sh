#!/usr/bin/env sh
# The React example has a folder and a lock file of its own, and takes the client from dist. It is installed once, and
# again when its lock file changes.
set -eu
cd "$(dirname "$0")/.."
node scripts/build-client.ts
cd examples/react
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund
