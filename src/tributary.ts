#!/usr/bin/env node
/**
 * The command `tributary`, in whichever Node there is: `npx` takes the system's. So it only looks which one that is,
 * and then loads the rest, which an older one can't read.
 *
 * Before 24.9, a server can't say which upgrades it takes (`shouldUpgradeCallback`): each request that offers one, such as
 * one of `curl --http2`, would lose its body.
 */
const OLDEST = '24.9'

const numbersOf = (version: string): number[] => version.split('.').map(Number)
const [oldestMajor = 0, oldestMinor = 0] = numbersOf(OLDEST)
const [major = 0, minor = 0] = numbersOf(process.versions.node)

if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) {
  await import('./cli/main.ts')
} else {
  console.error(
    `tributary needs Node ${OLDEST} or later, and this is ${process.version}. \`npm install node@24\` gives npx one of its own.`,
  )
  process.exitCode = 1
}
