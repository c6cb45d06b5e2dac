/**
 * One browser module from the TypeScript that Node runs as it is: Amaro strips the types, as it does inside
 * Node, and Rollup joins the files. It is Rollup's WebAssembly build, since native binaries come as optional
 * dependencies, which installations without the embedded model leave out.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Plugin, rollup } from '@rollup/wasm-node'
import { transformSync } from 'amaro'

const modules = new Map<string, Promise<string>>()

/**
 * Joins a module and all that it imports; once for each process.
 *
 * @param path of the entry module, from `src/`
 */
export function browserModule(path: string): Promise<string> {
  const module = modules.get(path) ?? join(path)
  modules.set(path, module)
  return module
}

async function join(path: string): Promise<string> {
  const bundle = await rollup({ input: new URL(`../${path}`, import.meta.url).href, plugins: [asNodeDoes] })
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
