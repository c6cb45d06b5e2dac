/** Makes `dist/client`, the typed client as a package: two modules, their types, and a package.json for npm pack. */
import './build.ts'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'

const root = new URL('../', import.meta.url)
const built = new URL('dist/browser/', root)
const folder = new URL('dist/client/', root)
const { version, license, peerDependencies, peerDependenciesMeta } = JSON.parse(
  await readFile(new URL('package.json', root), 'utf8'),
)

const FILES = ['client.js', 'client.d.ts', 'react.js', 'react.d.ts']

await mkdir(folder, { recursive: true })
for (const name of FILES) await copyFile(new URL(name, built), new URL(name, folder))
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
      exports: {
        '.': { types: './client.d.ts', default: './client.js' },
        './react': { types: './react.d.ts', default: './react.js' },
      },
      files: FILES,
      peerDependencies,
      peerDependenciesMeta,
      sideEffects: false,
    },
    null,
    2,
  )}\n`,
)
