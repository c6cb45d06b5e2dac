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

node scripts/build.ts
exec node --test --test-timeout=120000 "$@"
