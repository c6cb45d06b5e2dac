/** Which programs there are, where their imports come from, and what is said of a file that has none. */
import assert from 'node:assert/strict'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import typescript from 'typescript/package.json' with { type: 'json' }
import { z } from 'zod'
import { checkTypes } from '../../src/cli/type-check.ts'
import type { Programs } from '../../src/core/program.ts'
import * as face from '../../src/index.ts'
import { loadPrograms, type ProgramConfig } from '../../src/programs/load.ts'
import { ProgramError } from '../../src/programs/program-error.ts'
import { folderOf, programText } from '../support/program-files.ts'
import { predictorsOf } from '../support/programs.ts'
import { saved } from '../support/saved.ts'

type Named = Partial<ProgramConfig>

const NONE: ProgramConfig = {
  PROGRAM: undefined,
  PROGRAMS: undefined,
  DEFAULT_PROGRAM: undefined,
  PROGRAM_STATE: undefined,
}

const load = (named: Named, limitMs?: number) =>
  loadPrograms({ ...NONE, ...named }, { log: () => {}, limitMs })

const namesOf = ({ default: { name }, all }: Programs) => ({
  default: name,
  all: all.map(({ name }) => name),
})

/** What is said of them: a line for each fault. */
async function faultsOf(named: Named, limitMs?: number): Promise<string[]> {
  const error = await load(named, limitMs).then(
    () => assert.fail('they were loaded'),
    (error) => error,
  )
  assert.ok(error instanceof ProgramError, error)
  return error.message.split('\n')
}

/** What is said of a file, after its path. */
async function faultOf(t: TestContext, text: string, name = 'mine.ts', others = {}): Promise<string> {
  const folder = folderOf(t, { [name]: text, ...others })
  const [line = '', ...more] = await faultsOf({ PROGRAM: join(folder, name) }, 2_000)
  assert.deepEqual(more, [])
  assert.ok(line.startsWith(`${folder}/`), line)
  return line.slice(folder.length + 1)
}

describe('which programs there are', () => {
  it('the built-in one, where none is named', async () => {
    assert.deepEqual(namesOf(await load({})), { default: 'parallel-composer', all: ['parallel-composer'] })
  })

  it('PROGRAM is the default, whatever else there is', async (t) => {
    const folder = folderOf(t, { 'one.ts': programText('a'), 'folder/two.ts': programText('b') })
    const programs = await load({
      PROGRAM: join(folder, 'one.ts'),
      PROGRAMS: join(folder, 'folder'),
      DEFAULT_PROGRAM: 'two',
    })
    assert.deepEqual(namesOf(programs), { default: 'one', all: ['one', 'two', 'parallel-composer'] })
    assert.deepEqual(
      programs.default.program.places.map(({ name }) => name),
      ['a'],
    )
  })

  it('a folder’s only program is the default, and of several the built-in one', async (t) => {
    const folder = folderOf(t, { 'one.ts': programText('a') })
    assert.equal((await load({ PROGRAMS: folder })).default.name, 'one')
    const several = folderOf(t, { 'one.ts': programText('a'), 'two.js': programText('b') })
    assert.equal((await load({ PROGRAMS: several })).default.name, 'parallel-composer')
  })

  it('DEFAULT_PROGRAM chooses by name', async (t) => {
    const PROGRAMS = folderOf(t, { 'one.ts': programText('a'), 'two.ts': programText('b') })
    for (const DEFAULT_PROGRAM of ['two', 'parallel-composer']) {
      assert.equal((await load({ PROGRAMS, DEFAULT_PROGRAM })).default.name, DEFAULT_PROGRAM)
    }
    assert.deepEqual(await faultsOf({ PROGRAMS, DEFAULT_PROGRAM: 'three' }), [
      "DEFAULT_PROGRAM: there is no program 'three'; there are one, two, parallel-composer.",
    ])
  })

  it('of a folder, those files that can be programs, in the order of their names', async (t) => {
    const PROGRAMS = folderOf(t, {
      'd.ts': programText('a'),
      'b.mts': programText('b'),
      'c.js': programText('c'),
      'a.b.mjs': programText('d'),
      '_helper.ts': 'export const x = 1',
      '.hidden.ts': 'x x',
      'c.d.ts': 'export {}',
      'd.test.ts': 'throw 1',
      'd.spec.js': 'throw 1',
      'README.md': '',
      'state.json': '{}',
      'x.cjs': 'throw 1',
      'folder.ts/inner.ts': 'throw 1',
      'node_modules/p/index.js': 'throw 1',
    })
    assert.deepEqual(namesOf(await load({ PROGRAMS })).all, ['a.b', 'b', 'c', 'd', 'parallel-composer'])
  })

  it('a file that is reached by two names, or by a link, counts once', async (t) => {
    const folder = folderOf(t, { 'real/one.ts': programText('a') })
    symlinkSync('real', join(folder, 'link'))
    symlinkSync('one.ts', join(folder, 'real/other.ts'))
    const programs = await load({ PROGRAM: join(folder, 'link/one.ts'), PROGRAMS: join(folder, 'real') })
    assert.deepEqual(namesOf(programs), { default: 'one', all: ['one', 'parallel-composer'] })
  })

  it('two of one name are a fault, the built-in one’s included', async (t) => {
    const PROGRAMS = folderOf(t, {
      'a.js': programText('a'),
      'a.ts': programText('b'),
      'parallel-composer.ts': programText('c'),
    })
    assert.deepEqual(await faultsOf({ PROGRAMS }), [
      `${PROGRAMS}/a.ts: its name 'a' is that of ${PROGRAMS}/a.js. Give the file another.`,
      `${PROGRAMS}/parallel-composer.ts: its name 'parallel-composer' is that of the program that is built in. Give the file another.`,
    ])
  })

  it('every faulty file is named', async (t) => {
    const PROGRAMS = folderOf(t, { 'a.ts': 'x x', 'b.ts': programText('b'), 'c.ts': 'export default 1' })
    const lines = await faultsOf({ PROGRAMS, DEFAULT_PROGRAM: 'a' })
    assert.deepEqual(
      lines.map((line) => /\/([a-z]\.ts)(:\d+)?: /.exec(line)?.[1]),
      ['a.ts', 'c.ts'],
    )
  })

  it('what isn’t there is said, and what the other variable is for', async (t) => {
    const folder = folderOf(t, { 'a.ts': programText('a'), 'empty/_a.ts': '' })
    const of = async (named: Named) => (await faultsOf(named)).join('\n').replaceAll(folder, '')
    assert.equal(await of({ PROGRAM: join(folder, 'b.ts') }), '/b.ts: there is no such file.')
    assert.equal(await of({ PROGRAMS: join(folder, 'b') }), '/b: there is no such folder.')
    assert.match(await of({ PROGRAM: folder }), /ends with \.ts, \.mts, \.js, \.mjs\.$/)
    assert.match(
      await of({ PROGRAMS: join(folder, 'a.ts') }),
      /^\/a\.ts: this is no folder\. PROGRAMS is for/,
    )
    assert.equal(await of({ PROGRAMS: join(folder, 'empty') }), '/empty: no program is in this folder.')
  })

  it('a name that no address can have is a fault', async (t) => {
    for (const name of ['my program.ts', 'prögram.ts', 'a:b.ts', '-a.ts', '_.ts']) {
      assert.match(await faultOf(t, programText('a'), name), /: the file's name is the program's/)
    }
  })
})

it('the program of the documentation loads, and its types are right', async (t) => {
  const page = readFileSync(new URL('../../docs/programs.md', import.meta.url), 'utf8')
  const [, text = ''] = /```ts\n(import.*?)```/s.exec(page) ?? []
  const PROGRAM = join(folderOf(t, { 'mine.ts': text }), 'mine.ts')
  assert.equal((await load({ PROGRAM })).default.program.places.length, 3)
  assert.deepEqual(await checkTypes(PROGRAM), { version: typescript.version, faults: '' })
})

describe('a saved state', () => {
  const state = saved('bare-chain-of-thought')
  const text = (options: string) => `
    import { chainOfThought, program } from 'tributary'
    export default program({ compose: chainOfThought('question -> answer') }, ({ compose }, inputs) => compose(inputs), ${options})`
  const instructionsOf = ({ default: { program } }: Programs) =>
    predictorsOf(program)[0]?.predictor.instructions

  it('is read where the program names it, and PROGRAM_STATE goes before it', async (t) => {
    const other = structuredClone(state)
    state.predict.signature.instructions = 'Saved.'
    other.predict.signature.instructions = 'Other.'
    const folder = folderOf(t, {
      'mine.ts': text("{ state: new URL('./state.json', import.meta.url) }"),
      'state.json': JSON.stringify(state),
      'other.json': JSON.stringify(other),
    })
    const PROGRAM = join(folder, 'mine.ts')
    assert.equal(instructionsOf(await load({ PROGRAM })), 'Saved.')
    const PROGRAM_STATE = join(folder, 'other.json')
    assert.equal(instructionsOf(await load({ PROGRAM, PROGRAM_STATE })), 'Other.')
    assert.match(
      (await faultsOf({ PROGRAM_STATE })).join('\n'),
      /^PROGRAM_STATE: \S+other\.json: .*doesn't fit/,
    )
  })

  it('that isn’t there, or doesn’t fit, is a fault of the program’s file', async (t) => {
    const folder = folderOf(t, {
      'one.ts': text("{ state: new URL('./nope.json', import.meta.url) }"),
      'two.ts': text('{ state: { other: { signature: { fields: [{}, {}] } } } }'),
    })
    const lines = await faultsOf({ PROGRAMS: folder })
    assert.match(lines[0] ?? '', /^\S+\/one\.ts: The saved state \S+\/nope\.json can't be read: /)
    assert.match(lines[1] ?? '', /^\S+\/two\.ts: The saved state doesn't fit the program:$/)
  })
})

describe('what a program imports', () => {
  it('is this process’ own tributary and zod, with nothing beside the file', async (t) => {
    const text = `
      import * as face from 'tributary'
      import { z } from 'zod'
      const made = face.program({ a: face.predict('question -> answer') }, ({ a }, inputs) => a(inputs))
      export default Object.assign(made, { face, z })`
    const PROGRAM = join(folderOf(t, { 'mine.ts': text }), 'mine.ts')
    const { program } = (await load({ PROGRAM })).default
    const imported = program as unknown as { face: typeof face; z: typeof z }
    assert.equal(imported.face.program, face.program)
    assert.equal(imported.z, z)
  })

  it('is that zod even where another is installed, which installed packages go on to have', async (t) => {
    const folder = folderOf(t, {
      'mine.ts': `import { z } from 'zod'
        import { theirs } from 'a-package'
        import { predict, program } from 'tributary'
        if (z === undefined || theirs !== 'another zod') throw new Error('the wrong zod')
        export default program('a: T -> b', { p: predict('a: T -> b', { types: { T: z.string() } }) }, ({ p }, inputs) => p(inputs), { types: { T: z.string() } })`,
      'node_modules/zod/package.json': '{"type": "module", "exports": "./index.js"}',
      'node_modules/zod/index.js': 'export default "another zod"',
      'node_modules/a-package/package.json': '{"type": "module", "exports": "./index.js"}',
      'node_modules/a-package/index.js': 'export { default as theirs } from "zod"',
    })
    assert.equal((await load({ PROGRAM: join(folder, 'mine.ts') })).default.name, 'mine')
  })

  it('is a module, whatever package.json says, and so is TypeScript that it imports', async (t) => {
    const folder = folderOf(t, {
      'package.json': '{"type": "commonjs"}',
      'mine.ts': `import { name } from './helper.ts'
        import other from './other.js'
        import { predict, program } from 'tributary'
        if (name !== other.name) throw new Error()
        export default program({ a: predict('question -> answer') }, ({ a }, inputs) => a(inputs))`,
      'helper.ts': 'export const name: string = "n"',
      'other.js': 'module.exports = { name: "n" }',
      'plain.js': programText('a'),
    })
    assert.deepEqual(namesOf(await load({ PROGRAM: join(folder, 'mine.ts') })).default, 'mine')
    assert.deepEqual(namesOf(await load({ PROGRAM: join(folder, 'plain.js') })).default, 'plain')
  })

  it('may be another copy of tributary: its programs are programs', async (t) => {
    const copy = new URL('../../src/index.ts?copy', import.meta.url).href
    const text = programText('a').replace("'tributary'", `'${copy}'`)
    const PROGRAM = join(folderOf(t, { 'mine.ts': text }), 'mine.ts')
    assert.equal((await load({ PROGRAM })).default.name, 'mine')
  })
})

describe('what is said of a file that is no program, in a line with the place', () => {
  const from = "import { chainOfThought, module, predict, program } from 'tributary'\n"

  const faults: Record<string, [text: string, said: RegExp, name?: string]> = {
    'a syntax error': ['const a: number = 1\n\nexport default { a: }', /^mine\.ts:3: Expression expected$/],
    'one in JavaScript, of which Node says no place': [
      'export default { a: }',
      /^mine\.js or what it imports: Unexpected token '}'$/,
      'mine.js',
    ],
    'syntax that is more than types': [
      'const a = 1\nenum X { A }\nexport default a',
      /^mine\.ts:2: TypeScript enum is not supported in strip-only mode\. Types are stripped, nothing is compiled/,
    ],
    'a throw': [
      "\nconst f = () => {\n  throw new Error('No\\n  config.')\n}\nf()",
      /^mine\.ts:3:9: No config\.$/,
    ],
    'a throw of no error': ["throw 'a text'", /^mine\.ts: it threw a text$/],
    'a name that isn’t there': ['export default foo', /^mine\.ts:1:16: foo is not defined$/],
    'a file that isn’t there': [
      "import './nope.ts'",
      /^mine\.ts: Cannot find module '\S+\/nope\.ts' imported from/,
    ],
    'a package that isn’t there': ["import 'nope'", /^mine\.ts: Cannot find package 'nope' imported from/],
    'an export that isn’t there': [
      `\nimport { predicts } from 'tributary'`,
      /^mine\.ts:2: The requested module 'tributary' does not provide an export named 'predicts'$/,
    ],
    'no default export': ['export const a = 1', /^mine\.ts: it has no default export\./],
    'a default export that is something else': [
      'export default { inputs: [], places: [], run() {} }',
      /^mine\.ts: its default export is an object, not a program: `export default program\(…\)`\.$/,
    ],
    'a predictor': [`${from}export default predict('a -> b')`, /its default export is a predictor, not/],
    'a module': [`${from}export default module({}, {})`, /its default export is a module, not/],
    'a promise': [`${from}export default Promise.resolve()`, /its default export is a promise, not/],
    null: ['export default null', /its default export is null, not/],
    'a signature that can’t be read': [
      `${from}\nconst p =\n  predict('a -> b: lst[str]')\nexport default program({ p }, () => {})`,
      /^mine\.ts:4:3: The signature 'a -> b: lst\[str\]' has the type 'lst'/,
    ],
    'no signature': [
      `${from}predict({})`,
      /^mine\.ts:2:1: A signature is a text such as 'question -> answer'\.$/,
    ],
    'a part that is none': [
      `${from}export default program({ p: 'a -> b' }, () => {})`,
      /^mine\.ts:2:16: The part 'p' of the program isn't a predictor, a tool or a module\.$/,
    ],
    'a module in a module': [
      `${from}export default program({ m: module({ n: module({}, {}) }, {}) }, () => {})`,
      /^mine\.ts:2:16: The part 'm\.n' of the program isn't a predictor or a tool\.$/,
    ],
    'no body': [
      `${from}export default program('a -> b', { p: predict('a -> b') })`,
      /^mine\.ts:2:16: A program needs its parts by name, and then a function that calls them\.$/,
    ],
    'no parts': [
      `${from}export default program('a -> b', null, () => {})`,
      /^mine\.ts:2:16: A program needs its parts by name/,
    ],
    'a top-level await without an end': [
      'await new Promise(() => {})',
      /^mine\.ts: it hasn't loaded within 2 seconds: a top-level await in it may never end\.$/,
    ],
  }
  for (const [what, [text, said, name]] of Object.entries(faults)) {
    it(what, async (t) => assert.match(await faultOf(t, text, name), said))
  }

  it('a fault in a file that it imports is said of that file', async (t) => {
    const text = "import './helper.ts'"
    const helper = { 'helper.ts': `\nimport { predict } from 'tributary'\npredict('a')` }
    assert.match(
      await faultOf(t, text, 'mine.ts', helper),
      /^helper\.ts:3:1: The signature 'a' needs one '->'/,
    )
    assert.match(await faultOf(t, text, 'mine.ts', { 'helper.ts': '\nlet let' }), /^helper\.ts:2: /)
  })

  it('of a file that takes long, that it does; and an abort ends the waiting', async (t) => {
    const PROGRAM = join(folderOf(t, { 'mine.ts': 'await new Promise(() => {})' }), 'mine.ts')
    const stopping = new AbortController()
    const said: string[] = []
    const loading = loadPrograms(
      { ...NONE, PROGRAM },
      {
        log(message) {
          said.push(message)
          stopping.abort(new Error('enough'))
        },
        signal: stopping.signal,
      },
    )
    await assert.rejects(loading, /^Error: enough$/)
    assert.deepEqual(said, [
      `${PROGRAM} is still loading: a top-level await of it, or of what it imports, isn't over.`,
    ])
  })
})
