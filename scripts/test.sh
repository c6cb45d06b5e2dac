#!/bin/sh
# Runs the tests: all of them, or those of the folders, files and quoted patterns that are named. Options for Node go
# before these: npm test -- --test-name-pattern=retry test/lm
set -eu
# Not by Node's own patterns: they would find the tests of installed packages too.
files=$(
  node -e "
    const named = process.argv.slice(1).filter((one) => !one.startsWith('-'))
    const isFolder = (one) => fs.statSync(one, { throwIfNoEntry: false })?.isDirectory()
    const patterns = named.map((one) => (isFolder(one) ? path.join(one, '**/*.test.ts') : one))
    const files = fs.globSync(patterns.length > 0 ? patterns : ['test/**/*.test.ts'], { exclude: ['**/node_modules/**'] })
    if (files.length === 0) throw new Error('There are no such tests: ' + named.join(', '))
    console.log(files.sort().join('\n'))
  " -- "$@"
)
for arg; do
  shift
  case $arg in -*) set -- "$@" "$arg" ;; esac
done
# shellcheck disable=SC2086 # a word for each file: no name has blanks
sh scripts/test-setup.sh $files

# Compiled code is kept, for the hundred processes that load the same modules.
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE-$PWD/.tools/compiled}
export NODE_COMPILE_CACHE
node scripts/build.ts
# A file for each processor: Node's default leaves one idle, and more would make tests with real timeouts slow.
# shellcheck disable=SC2086
exec node --test --test-timeout=120000 --test-concurrency="$(getconf _NPROCESSORS_ONLN)" "$@" $files
