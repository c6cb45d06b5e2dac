/** This package's version, as its package.json has it. */
import { readFileSync } from 'node:fs'

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

export const version: string = manifest.version
