/**
 * One browser module from the TypeScript that Node runs as it is: Amaro strips the types, as it does inside Node, and
 * Rollup bundles the files. It is Rollup's WebAssembly build, which is the same on every platform.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Plugin, rollup } from '@rollup/wasm-node'
import { transformSync } from 'amaro'

/**
 * Bundles a module with everything that it imports.
 *
 * @param path of the entry module, from `src/`
 */
export async function browserModule(path: string): Promise<string> {
  const input = new URL(`../../src/${path}`, import.meta.url).href
  const bundle = await rollup({ input, plugins: [asNodeDoes] })
  const { output } = await bundle.generate({ format: 'es' })
  await bundle.close()
  return output[0].code
}

/** Finds modules as Node does, and reads them as Node would run them. */
const asNodeDoes: Plugin = {
  name: 'as-node-does',
  resolveId(specifier, importer) {
    if (specifier.startsWith('file:')) return specifier
    return specifier.startsWith('.') ? new URL(specifier, importer).href : import.meta.resolve(specifier)
  },
  async load(url) {
    const text = await readFile(fileURLToPath(url), 'utf8')
    return url.endsWith('.ts') ? transformSync(text, { mode: 'strip-only' }).code : text
  },
}
