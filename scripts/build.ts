/**
 * Builds the files for browsers, `dist/browser`, if they are missing or older than their sources. The bundler is loaded
 * only then, so that a start with nothing to build loses only some 50 ms. `npm start` and the tests run this first.
 */
import { mkdir, readdir, rename, stat, utimes, writeFile } from 'node:fs/promises'

const ROOT = new URL('../', import.meta.url)
const FOLDER = new URL('dist/browser/', ROOT)
const OUTPUTS = [
  'client.js',
  'client.d.ts',
  'react.js',
  'react.d.ts',
  'index.html',
  'page.css',
  'page.svg',
  'page.js',
] as const

/** The lock file stands for the packages: those that are bundled, and the bundler. */
const SOURCES = [
  'src/client',
  'src/core',
  'src/playground',
  'src/react',
  'scripts/browser',
  'package-lock.json',
]

export type Output = (typeof OUTPUTS)[number]

if (!(await isFresh())) await build()

async function isFresh(): Promise<boolean> {
  const built = await Promise.all(OUTPUTS.map((name) => modified(new URL(name, FOLDER))))
  const sources = await Promise.all(SOURCES.map((path) => newest(new URL(path, ROOT))))
  return Math.min(...built) > Math.max(...sources)
}

/** When a file, or anything in a folder, last changed. The folders' own times show deletions. */
async function newest(url: URL): Promise<number> {
  const inside = await readdir(url, { recursive: true }).catch(() => [])
  const times = inside.map((path) => modified(new URL(`${url.href}/${path}`)))
  return Math.max(...(await Promise.all([modified(url), ...times])))
}

/** In milliseconds; 0 for what doesn't exist. */
async function modified(url: URL): Promise<number> {
  return await stat(url).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  )
}

async function build(): Promise<void> {
  const began = new Date() // anything that changes from now on is newer than the build
  const { browserFiles } = await import('./browser/files.ts').catch((error: Error) => {
    const [reason] = error.message.split('\n', 1)
    console.error(
      `The files for browsers can't be built: ${reason}. Run \`npm ci --include=dev --include=optional\`.`,
    )
    process.exit(1)
  })
  const files = await browserFiles()
  await mkdir(FOLDER, { recursive: true })
  for (const name of OUTPUTS) {
    // Other processes may be building or reading: a file must be there whole or not at all.
    const draft = new URL(`.${name}.${process.pid}`, FOLDER)
    await writeFile(draft, files[name])
    await utimes(draft, began, began)
    await rename(draft, new URL(name, FOLDER))
  }
}
