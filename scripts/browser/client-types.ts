/** The type declarations of the client and of its React hook, each in one file, made from their sources. */
import { readFile } from 'node:fs/promises'
import { isolatedDeclaration } from 'oxc-transform'

/** The modules whose declarations make up the client's API. What is used comes before what uses it. */
const MODULES = [
  'core/frame.ts',
  'core/description.ts',
  'client/errors.ts',
  'client/fault-place.ts',
  'client/inputs.ts',
  'client/partial-value.ts',
  'client/program-types.ts',
  'client/run-state.ts',
  'client/request.ts',
  'client/describe-program.ts',
  'client/reconnecting.ts',
  'client/stream-run.ts',
  'client/kept-runs.ts',
  'client/words.ts',
]

/** The same for the hook. It imports nothing but the client's types. */
const REACT_MODULES = ['react/live-run-state.ts', 'react/use-run.ts']

/** @throws Error if a declaration can't be derived from its module alone */
export async function clientTypes(): Promise<string> {
  return `${HEADER}${await declarations(MODULES)}export {};\n`
}

/** @throws Error if a declaration can't be derived from its module alone */
export async function reactTypes(): Promise<string> {
  const text = await declarations(REACT_MODULES)
  const client = await clientTypes()
  const names = [...client.matchAll(/^export (?:declare )?(?:type|class) (\w+)/gm)].map(
    ([, name]) => name as string,
  )
  const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(text)).sort()
  return `${HEADER}import type { ${used.join(', ')} } from './client.js';\n${text}export {};\n`
}

const HEADER = "// Made by 'npm run build' from the client's sources.\n"

async function declarations(modules: readonly string[]): Promise<string> {
  const files = modules.map(async (path) => {
    const source = await readFile(new URL(`../../src/${path}`, import.meta.url), 'utf8')
    const { code, errors } = await isolatedDeclaration(path, source)
    if (errors.length > 0) throw new Error(`${path}: ${errors.map(({ message }) => message).join('; ')}`)
    return code.replace(/^import .*$\n/gm, '').replace(/^export \{\};?$\n/gm, '')
  })
  return (await Promise.all(files)).join('\n')
}
