/** The compiler's look at a program's file, wherever it is: `tributary` and `zod` mean what they mean when it runs. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type TypeCheck = 'no compiler' | { readonly version: string; readonly faults: string }

/** What Node asks of a file that it strips of its types, and otherwise all the strictness that there is. */
const OPTIONS = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  erasableSyntaxOnly: true,
  verbatimModuleSyntax: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  target: 'ESNext',
  lib: ['ESNext', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
  // Programs are ES modules, whatever the nearest package.json says.
  module: 'ESNext',
  moduleResolution: 'bundler',
}

/**
 * Runs the TypeScript that the file's folder has, else this package's own.
 *
 * @param file its whole path
 * @returns what the compiler says; no faults are ''
 */
export async function checkTypes(file: string): Promise<TypeCheck> {
  const manifest = find('typescript/package.json', file)
  if (manifest === undefined) return 'no compiler'
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
  const folder = await mkdtemp(join(tmpdir(), 'tributary-check-'))
  try {
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(configuration(file)))
    return { version, faults: await outputOf(join(dirname(manifest), 'bin/tsc'), folder) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

function configuration(file: string): object {
  const zod = dirname(fileURLToPath(import.meta.resolve('zod/package.json')))
  const isSource = extname(import.meta.url) === '.ts'
  const own = fileURLToPath(new URL(isSource ? '../index.ts' : '../index.d.ts', import.meta.url))
  const nodeTypes = find('@types/node/package.json', file)
  return {
    compilerOptions: {
      ...OPTIONS,
      paths: { tributary: [own], zod: [join(zod, 'index.d.ts')], 'zod/*': [join(zod, '*')] },
      types: nodeTypes === undefined ? [] : ['node'],
      ...(nodeTypes !== undefined && { typeRoots: [dirname(dirname(nodeTypes))] }),
    },
    files: [file],
  }
}

/** A file of a package, as the program's file finds it, else as this one does. */
function find(path: string, from: string): string | undefined {
  for (const place of [from, import.meta.url]) {
    try {
      return createRequire(place).resolve(path)
    } catch {
      // The next place may have it.
    }
  }
  return undefined
}

function outputOf(compiler: string, project: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [compiler, '--pretty', 'false', '-p', project], (error, stdout, stderr) =>
      resolve(error ? (stdout || stderr || error.message).trim() : ''),
    )
  })
}
