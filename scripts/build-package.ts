/**
 * Makes `lib`, the JavaScript and the declarations that `npm pack` packs: Node strips the types of no file that stands
 * in a `node_modules`. What browsers get is packed as it is built.
 */
import './build.ts'
import { execFileSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'

const ROOT = new URL('../', import.meta.url)
const WEIGHTS = 'lm/local/weights.requirements.txt'

rmSync(new URL('lib', ROOT), { recursive: true, force: true })
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.package.json'], { cwd: ROOT, stdio: 'inherit' })
copyFileSync(new URL(`src/${WEIGHTS}`, ROOT), new URL(`lib/${WEIGHTS}`, ROOT))
