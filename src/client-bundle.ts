/**
 * The typed client as one browser module, and its types: made from the sources that Node runs as they are, when
 * the service starts and when the package is built.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { isolatedDeclaration } from 'oxc-transform'

/** The modules whose declarations are the client's face, what is used before what uses it. */
const TYPED = [
  'core/frame.ts',
  'core/description.ts',
  'client/errors.ts',
  'client/run-state.ts',
  'client/stream-run.ts',
]

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/**
 * Bundles a browser's entry module with all that it imports.
 *
 * @param path of the module, from this folder
 */
export async function browserModule(path: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [source(path)],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    charset: 'utf8',
    write: false,
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}

/** The client's declarations in one file that imports nothing. */
export async function clientTypes(): Promise<string> {
  const files = TYPED.map(async (path) => {
    const { code, errors } = await isolatedDeclaration(path, await readFile(source(path), 'utf8'))
    if (errors.length > 0) throw new Error(`${path}: ${errors.map(({ message }) => message).join('; ')}`)
    return code.replace(/^import .*$\n/gm, '').replace(/^export \{\};?$\n/gm, '')
  })
  return `${(await Promise.all(files)).join('\n')}export {};\n`
}
