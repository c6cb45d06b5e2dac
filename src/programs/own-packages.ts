/**
 * What a program's imports mean, wherever its file is: `tributary` and `zod` are found without a `node_modules` beside
 * it, and are this process' own.
 *
 * That holds for zod too, even where the program's folder has one. A schema's type, its check and the JSON Schema that
 * is made of it come from zod's insides, which differ between its versions and don't recognise each other's schemas.
 * What stands in a `node_modules` keeps the zod that it was installed with: its schemas stay with it.
 */
import { type ResolveHookContext, registerHooks } from 'node:module'
import { extname } from 'node:path'

/** The package's sources are TypeScript in its repository and JavaScript where it is installed, file by file. */
const EXTENSION = extname(import.meta.filename)
const TRIBUTARY = new URL(`../index${EXTENSION}`, import.meta.url).href

/** Every file of this package. */
const OWN_FILES = new URL('../', import.meta.url).href

let isRegistered = false

/**
 * Lets every file that is imported from now on have these packages.
 *
 * @param loader the address of the module that imports programs
 */
export function provideOwnPackages(loader: string): void {
  if (isRegistered) return
  isRegistered = true
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'tributary') return { url: TRIBUTARY, shortCircuit: true }
      if (isOurs(specifier, context)) return next(specifier, { ...context, parentURL: import.meta.url })
      const found = next(specifier, context)
      return isModule(found.url, context, loader)
        ? { ...found, format: found.url.endsWith('.ts') ? 'module-typescript' : 'module' }
        : found
    },
  })
}

function isOurs(specifier: string, { parentURL = '' }: ResolveHookContext): boolean {
  if (specifier.startsWith('tributary/')) return true
  return /^zod($|\/)/.test(specifier) && !parentURL.includes('/node_modules/')
}

/**
 * Programs and what they import in TypeScript are ES modules, whatever the nearest package.json says: `npm init` writes
 * `"type": "commonjs"`, and then Node would refuse their imports.
 */
function isModule(url: string, { parentURL }: ResolveHookContext, loader: string): boolean {
  if (parentURL === loader) return /\.(ts|js)$/.test(url)
  return (
    url.startsWith('file:') &&
    url.endsWith('.ts') &&
    !url.includes('/node_modules/') &&
    !url.startsWith(OWN_FILES)
  )
}
