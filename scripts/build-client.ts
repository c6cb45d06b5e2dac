/** Makes `dist/client`, the typed client as a package: one module, its types, and a package.json for npm pack. */
import './build.ts'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'

const root = new URL('../', import.meta.url)
const built = new URL('dist/browser/', root)
const folder = new URL('dist/client/', root)
const { version, license } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'))

await mkdir(folder, { recursive: true })
await copyFile(new URL('client.js', built), new URL('index.js', folder))
await copyFile(new URL('client.d.ts', built), new URL('index.d.ts', folder))
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
