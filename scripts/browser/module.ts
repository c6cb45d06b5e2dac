/**
 * One browser module from the TypeScript that Node runs as it is: Amaro strips the types, as it does inside Node, and
 * Rollup bundles the files. It is Rollup's WebAssembly build, which is the same on every platform.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Plugin, rollup } from '@rollup/wasm-node'
import { transformSync } from 'amaro'

/**
 * Bundles a module with everything that it imports but React, of which an app has one.
 *
 * @param path of the entry module, from `src/`
 * @param beside modules that stay files of their own: the address that they are imported from, by their path
 */
export async function browserModule(
  path: string,
  beside: Readonly<Record<string, string>> = {},
): Promise<string> {
  const input = new URL(`../../src/${path}`, import.meta.url).href
  const bundle = await rollup({ input, plugins: [staying(beside), asNodeDoes] })
  const { output } = await bundle.generate({ format: 'es' })
  await bundle.close()
  return output[0].code
}

const staying = (beside: Readonly<Record<string, string>>): Plugin => ({
  name: 'staying',
  resolveId(specifier, importer) {
    if (specifier === 'react') return { id: specifier, external: true }
    const url = importer === undefined ? undefined : URL.parse(specifier, importer)?.href
    const found = Object.keys(beside).find(
      (path) => url === new URL(`../../src/${path}`, import.meta.url).href,
    )
    return found === undefined ? null : { id: beside[found] as string, external: 'absolute' }
  },
})

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
