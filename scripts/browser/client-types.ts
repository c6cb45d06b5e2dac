/** The client's type declarations in one file without imports, made from its sources. */
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
  'client/stream-run.ts',
  'client/words.ts',
]

/** @throws Error if a declaration can't be derived from its module alone */
export async function clientTypes(): Promise<string> {
  const files = MODULES.map(async (path) => {
    const source = await readFile(new URL(`../../src/${path}`, import.meta.url), 'utf8')
    const { code, errors } = await isolatedDeclaration(path, source)
    if (errors.length > 0) throw new Error(`${path}: ${errors.map(({ message }) => message).join('; ')}`)
    return code.replace(/^import .*$\n/gm, '').replace(/^export \{\};?$\n/gm, '')
  })
  return `// Made by 'npm run build' from the client's sources.\n${(await Promise.all(files)).join('\n')}export {};\n`
}
