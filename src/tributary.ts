#!/usr/bin/env node
/**
 * The command `tributary`, in whichever Node there is: `npx` takes the system's. So it only looks which one that is,
 * and then loads the rest, which an older one can't read.
 *
 * - Before 24.9, a server can't say which upgrades it takes (`shouldUpgradeCallback`): a request that offers any, such as one
 *   of `curl --http2`, loses its body.
 * - Before 24.16, in 25 and in 26.0, a request that waits in line on its connection isn't told that the connection is closed:
 *   its run would go on for a client that has left.
 */
const OLDEST = [
  [24, 16],
  [26, 1],
] as const

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const isRecent = OLDEST.some(([line, oldest]) => major === line && minor >= oldest)

if (isRecent || major > 26) {
  await import('./cli/main.ts')
} else {
  console.error(
    `tributary needs Node 24.16, 26.1 or later, and this is ${process.version}. \`npm install node@24\` gives npx one of its own.`,
  )
  process.exitCode = 1
}
