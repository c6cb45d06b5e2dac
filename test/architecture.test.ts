/** Who may import whom: the walls of the house, read off the imports. A wall that has to move is moved here first. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

type Wall = {
  /** The rooms that it may import, besides itself. */
  readonly rooms: readonly string[]
  /** The packages that it may import; where it isn't given, any. */
  readonly packages?: readonly string[]
  readonly why: string
}

/** What stands on the ground: single files that every room but async and core may use. */
const GROUND = ['config', 'secrets', 'output', 'version']

/** Folders of `src`, and the files that stand in none, by name. */
const WALLS: Readonly<Record<string, Wall>> = {
  async: { rooms: [], packages: [], why: 'it is generic: what it offers is of use to anybody' },
  core: {
    rooms: ['async'],
    packages: ['zod'],
    why: 'it knows no HTTP, no vendor and no environment, so that it can be tested and embedded without them',
  },
  config: { rooms: [], packages: ['zod'], why: 'everything may read it, so it may lean on nothing' },
  secrets: { rooms: [], packages: [], why: 'everything may use it, so it may lean on nothing' },
  version: { rooms: [], packages: [], why: 'everything may use it, so it may lean on nothing' },
  output: { rooms: [], packages: [], why: 'everything may use it, so it may lean on nothing' },
  log: { rooms: GROUND, why: 'what is logged is nothing to it' },
  lm: { rooms: ['async', 'core', ...GROUND], why: 'a provider knows neither programs nor who reads them' },
  index: { rooms: ['core'], packages: [], why: 'it is what programs are written with, and no more' },
  programs: {
    rooms: ['index', 'core', 'config'],
    packages: [],
    why: 'a program is written with what its users have; what loads programs knows the variables that name them, and Node, and not who asks',
  },
  runs: {
    rooms: ['async', 'core'],
    packages: ['@redis/client'],
    why: 'a run is not its connection: it knows no HTTP',
  },
  wire: {
    rooms: ['async', 'core', 'runs'],
    packages: [],
    why: 'a dialect is text made of frames, or of a log of them, whoever sends it',
  },
  client: {
    rooms: ['core'],
    packages: ['eventsource-parser'],
    why: 'it runs in browsers: of the service it has the types alone',
  },
  react: {
    rooms: ['client'],
    packages: ['react'],
    why: 'it is a face in other people’s apps: of the service it has what the typed client gives',
  },
  telemetry: { rooms: ['core', 'runs'], why: 'it looks on, and nothing depends on how' },
  compose: {
    rooms: ['core', 'lm', 'programs', 'runs', ...GROUND],
    packages: [],
    why: 'it is where the parts meet, for the service, the console and the tests alike',
  },
  http: {
    rooms: ['core', 'runs', 'wire', 'telemetry', 'compose', ...GROUND],
    why: 'it serves runs, and knows neither which model nor which program',
  },
  console: {
    rooms: ['client', 'core', 'compose', 'programs', ...GROUND],
    why: 'it is a face: it sees frames as any client does, and is the process of the program that it runs',
  },
  playground: {
    rooms: ['client'],
    packages: ['streaming-markdown'],
    why: 'it is a page: it has what the typed client gives, and a parser for the Markdown that models write',
  },
  service: {
    rooms: ['core', 'programs', 'http', 'compose', 'log', ...GROUND],
    packages: [],
    why: 'it brings up the parts that others made',
  },
  cli: {
    rooms: ['client', 'core', 'programs', 'server', 'console', ...GROUND],
    packages: [],
    why: 'it starts what there is, and looks at programs without running them, its own or a service’s',
  },
  tributary: { rooms: ['cli'], packages: [], why: 'whichever Node there is has to be able to read it' },
  server: { rooms: ['service'], packages: [], why: 'it is nothing but signals, and then the service' },
}

/** Packages that one room alone may import: what is behind them can then be replaced there. */
const BEHIND_ONE_WALL: Readonly<Record<string, readonly string[]>> = {
  openai: ['lm'],
  undici: ['lm'],
  'node-llama-cpp': ['lm'],
  fastify: ['http', 'telemetry'],
  '@fastify/websocket': ['http'],
  'streaming-markdown': ['playground'],
  react: ['react'],
  '@redis/client': ['runs'],
}

const SRC = fileURLToPath(new URL('../src/', import.meta.url))
const files = globSync('**/*.ts', { cwd: SRC })

/** `core` for `core/call.ts`, `server` for `server.ts`. */
const roomOf = (file: string) => (file.split('/')[0] as string).replace(/\.ts$/, '')

/** The modules of `src` and the packages that a file imports, as a value or as a type. */
function importsOf(file: string): { modules: string[]; packages: string[] } {
  const text = readFileSync(join(SRC, file), 'utf8')
  const specifiers = [
    ...text.matchAll(/^(?:import|export)\b[^'"]*?\bfrom '([^']+)'|\bimport\('([^']+)'\)/gm),
  ].map(([, named, called]) => (named ?? called) as string)
  return {
    modules: specifiers
      .filter((one) => one.startsWith('.') && one.endsWith('.ts'))
      .map((one) => normalize(join(dirname(file), one))),
    packages: specifiers
      .filter((one) => !one.startsWith('.') && !one.startsWith('node:'))
      .map((one) => (one.startsWith('@') ? one.split('/', 2).join('/') : (one.split('/')[0] as string))),
  }
}

test('every file stands in a room that has its walls', () => {
  assert.ok(files.length > 50)
  assert.deepEqual(
    [...new Set(files.map(roomOf))].filter((room) => !(room in WALLS)),
    [],
  )
})

test('no import goes through a wall', () => {
  const faults = files.flatMap((file) => {
    const room = roomOf(file)
    const { rooms, packages, why } = WALLS[room] as Wall
    const imports = importsOf(file)
    return [
      ...imports.modules
        .filter((module) => roomOf(module) !== room && !rooms.includes(roomOf(module)))
        .map(
          (module) =>
            `${file} imports ${module}, but ${room} may import ${rooms.join(', ') || 'no room'}: ${why}`,
        ),
      ...imports.packages
        .filter((name) => packages?.includes(name) === false)
        .map(
          (name) =>
            `${file} imports ${name}, but ${room} may import ${packages?.join(', ') || 'no package'}: ${why}`,
        ),
      ...imports.packages
        .filter((name) => BEHIND_ONE_WALL[name]?.includes(room) === false)
        .map((name) => `${file} imports ${name}, which is for ${BEHIND_ONE_WALL[name]?.join(' and ')} alone`),
    ]
  })
  assert.deepEqual(faults, [])
})

test('the service runs without development dependencies', () => {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(SRC, '../package.json'), 'utf8'),
  )
  const installed = { ...dependencies, ...optionalDependencies }
  // The hook runs in apps, which have a React of their own.
  for (const file of files.filter((one) => roomOf(one) !== 'react')) {
    const missing = importsOf(file).packages.filter((name) => !(name in installed))
    assert.deepEqual(missing, [], file)
  }
})

test('core and async read no environment', () => {
  for (const file of files.filter((one) => ['core', 'async'].includes(roomOf(one)))) {
    assert.doesNotMatch(readFileSync(join(SRC, file), 'utf8'), /\bprocess\.|import\.meta/, file)
  }
})

test('what runs in browsers has of the service the types alone', () => {
  for (const file of files.filter((one) => roomOf(one) === 'client')) {
    const text = readFileSync(join(SRC, file), 'utf8')
    assert.doesNotMatch(text, /^(import|export) (?!type\b)[^'"]*from '\.\.\/core\//m, file)
  }
})

test('no import goes round in a circle', () => {
  const done = new Set<string>()
  const visit = (file: string, above: readonly string[]): void => {
    const at = above.indexOf(file)
    assert.equal(at, -1, `a circle: ${[...above.slice(at), file].join(' -> ')}`)
    if (done.has(file)) return
    for (const module of importsOf(file).modules) visit(module, [...above, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})
