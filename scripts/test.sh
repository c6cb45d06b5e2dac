#!/bin/sh
# Runs the tests: all of them, or those of the folders, files and quoted patterns that are named. Options for Node go
# before these: npm test -- --test-name-pattern=retry test/lm
set -eu
are_named=''
for arg; do
  shift
  case $arg in -*) ;; *) are_named=yes ;; esac
  [ ! -d "$arg" ] || arg="${arg%/}/**/*.test.ts"
  set -- "$@" "$arg"
done
[ -n "$are_named" ] || set -- "$@" 'test/**/*.test.ts'

node -p 'fs.globSync(process.argv.slice(1)).join("\n")' -- "$@" | xargs sh scripts/test-setup.sh

# Compiled code is kept, for the hundred processes that load the same modules.
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE-$PWD/.tools/compiled}
export NODE_COMPILE_CACHE
node scripts/build.ts
# A file for each processor: Node's default leaves one idle, and more would make tests with real timeouts slow.
exec node --test --test-timeout=120000 --test-concurrency="$(getconf _NPROCESSORS_ONLN)" "$@"
