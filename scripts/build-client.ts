/**
 * Makes the typed client's declarations, which the service serves, and its package folder `dist/client`: one module,
 * its types, and a package.json for npm pack.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { browserModule } from '../src/http/browser-module.ts'
import { clientTypes } from './client-types.ts'

const folder = new URL('../dist/client/', import.meta.url)
const root = new URL('../', import.meta.url)
const { version, license } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'))

const types = await clientTypes()
await writeFile(new URL('src/client/declarations.d.ts', root), types)
await mkdir(folder, { recursive: true })
await writeFile(new URL('index.d.ts', folder), types)
await writeFile(new URL('index.js', folder), await browserModule('client/index.ts'))
await copyFile(new URL('LICENSE', root), new URL('LICENSE', folder))
await writeFile(
  new URL('package.json', folder),
  `${JSON.stringify(
    {
      name: 'tributary-client',
      version,
      description: 'The typed client of a Tributary service, for browsers and Node.',
      license,
      type: 'module',
      exports: { '.': { types: './index.d.ts', default: './index.js' } },
      files: ['index.js', 'index.d.ts'],
      sideEffects: false,
    },
    null,
    2,
  )}\n`,
)
