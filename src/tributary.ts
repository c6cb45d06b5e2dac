#!/usr/bin/env node
/**
 * The command `tributary`, in whichever Node there is: `npx` takes the system's. So it only looks which one that is,
 * and then loads the rest, which an older one can't read.
 */
const OLDEST = 24

if (Number.parseInt(process.versions.node, 10) >= OLDEST) {
  await import('./cli/main.ts')
} else {
  console.error(
    `tributary needs Node ${OLDEST} or later, and this is ${process.version}. \`npm install node@${OLDEST}\` gives npx one of its own.`,
  )
  process.exitCode = 1
}
