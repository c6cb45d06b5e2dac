/** `tributary types`: what it writes is TypeScript, and holds clients to the program that it was made from. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { programTypes } from '../../src/cli/program-types.ts'
import { chainOfThought, predict, program } from '../../src/index.ts'
import { folderOf } from '../support/program-files.ts'
import { Service } from '../support/service.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string }

const run = (file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(file, args, { cwd: root, env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })

const types = (...args: string[]) => run(process.execPath, ['src/tributary.ts', 'types', ...args])

/** Every shape that a field's schema may have. */
const tree: z.ZodType = z.lazy(() => z.object({ label: z.string(), children: z.array(tree) }))
const shapes = program(
  'text: str, limit: Optional[int], style: Literal["it\'s", "b"], when: When -> lines: list[Line], by_name: dict[str, float], tree: Tree, pair: Pair, level: Level',
  {
    read: chainOfThought('text: str -> lines: list[Line], note: str', {
      types: {
        Line: z.object({
          item: z.string(),
          quantity: z.int().nullable(),
          'unit-price': z.number().optional(),
        }),
      },
    }),
    rate: predict('text -> level: str'),
  },
  async () => {
    throw new Error('Nothing runs here.')
  },
  {
    description: 'Has fields of all types. */',
    types: {
      Line: z.object({ item: z.string(), quantity: z.int().nullable(), 'unit-price': z.number().optional() }),
      When: z.union([
        z.object({ kind: z.literal('at'), hour: z.int() }),
        z.object({ kind: z.literal('never') }),
      ]),
      Tree: tree,
      Pair: z.tuple([z.string(), z.number()]),
      Level: z.enum(['low', 'high']),
    },
  },
)

test('a typed client of all shapes compiles, and wrong names and values don’t', async (t) => {
  const service = await Service.start(t, { others: { 'all-shapes': shapes } })
  const folder = folderOf(t, { 'package.json': '{"type": "module"}' })
  const written = await types('--url', service.url, '--out', join(folder, 'programs.ts'))
  assert.deepEqual([written.code, written.stdout, written.stderr], [0, '', ''])
  const client = JSON.stringify(join(root, 'src/client/index.ts'))
  await writeFile(
    join(folder, 'client.ts'),
    `import { type RunState, streamRun } from ${client}
    import type { AllShapes, ParallelComposer } from './programs.ts'

    const url = 'http://127.0.0.1:8000'
    const inputs = { text: 'x', style: "it's", when: { kind: 'at', hour: 3 } } as const
    for await (const frame of streamRun<AllShapes>({ url, program: 'all-shapes', inputs })) {
      if (frame.type === 'token' && frame.predictor === 'read') {
        frame.field satisfies 'reasoning' | 'lines' | 'note'
        // @ts-expect-error another predictor's
        frame.field === 'level'
      }
      // @ts-expect-error no predictor
      if (frame.type === 'token' && frame.predictor === 'reed') break
      if (frame.type === 'prediction') {
        const { lines, by_name, tree, pair, level } = frame.data
        lines[0] satisfies { item: string; quantity: number | null; 'unit-price'?: number } | undefined
        by_name.x satisfies number | undefined
        tree.children[0]?.children[0]?.label satisfies string | undefined
        pair satisfies readonly [string, number]
        level satisfies 'low' | 'high'
        // @ts-expect-error no output
        frame.data.note
      }
    }
    for await (const frame of streamRun<ParallelComposer>({ url, question: 'Why?' })) {
      if (frame.type === 'prediction') frame.data.answer satisfies string
    }
    // @ts-expect-error it takes more than a question
    streamRun<AllShapes>({ url, question: 'Why?' })
    // @ts-expect-error no style
    streamRun<AllShapes>({ url, inputs: { ...inputs, style: 'c' } })
    // @ts-expect-error no input
    streamRun<AllShapes>({ url, inputs: { ...inputs, colour: 'red' } })
    // @ts-expect-error another program
    streamRun<AllShapes>({ url, inputs, program: 'all-shape' })

    export const last = (state: RunState<ParallelComposer>) => {
      state.lanes[0]?.predictor satisfies 'ideas.brainstorm' | 'evidence.probe' | 'compose' | undefined
      return state.prediction?.answer satisfies string | undefined
    }`,
  )
  const { extends: _, ...options } = JSON.parse(await readFile(join(root, 'tsconfig.json'), 'utf8'))
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: { ...options.compilerOptions, noUnusedLocals: false, types: [], typeRoots: [] },
      files: ['client.ts'],
    }),
  )
  const compiled = await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', folder])
  assert.equal(compiled.code, 0, `${compiled.stdout}\n${await readFile(join(folder, 'programs.ts'), 'utf8')}`)
})

test('it goes to standard output, for one program if it is named', async (t) => {
  const service = await Service.start(t, { others: { 'all-shapes': shapes } })
  const { code, stdout } = await types('--url', service.url, '--program', 'parallel-composer')
  assert.equal(code, 0)
  assert.equal(
    stdout,
    `/** The programs of a service, made by \`tributary types\`. When a program changes, make it anew. */

export type ParallelComposer = {
  readonly name: 'parallel-composer'
  readonly inputs: {
    /** What to answer. */
    readonly question: string
  }
  readonly outputs: {
    readonly reasoning: string
    readonly answer: string
  }
  readonly predictors: {
    readonly 'ideas.brainstorm': 'reasoning' | 'brainstorm'
    readonly 'evidence.probe': 'reasoning' | 'evidence'
    readonly compose: 'reasoning' | 'answer'
  }
}
`,
  )
})

test('programs whose names make the same type get one each', () => {
  const bare = { inputs: {}, input_types: {}, outputs: {}, predictors: [] }
  const text = programTypes([
    { ...bare, name: 'a-b' },
    { ...bare, name: 'a_b' },
    { ...bare, name: '2d' },
  ])
  assert.deepEqual(text.match(/(?<=export type )\w+/g), ['AB', 'AB2', 'Program2d'])
})

test('what is wrong is said in a line', async (t) => {
  const service = await Service.start(t)
  const unknown = await types('--url', service.url, '--program', 'nobody')
  assert.deepEqual([unknown.code, unknown.stdout], [1, ''])
  assert.match(unknown.stderr, /^[^\n]*nobody[^\n]*\n$/)
  const silent = await types('--url', 'http://127.0.0.1:1')
  assert.equal(silent.code, 1)
  assert.equal(silent.stderr, 'Nothing answers at http://127.0.0.1:1. Is the service running there?\n')
  const without = await types()
  assert.equal(without.code, 2)
  assert.match(without.stderr, /^types needs the address of a running service/)
})

test('a service with keys takes the one in the environment', async (t) => {
  const service = await Service.start(t, { env: { API_KEYS: 'web=0123456789' } })
  const args = ['src/tributary.ts', 'types', '--url', service.url]
  const { code, stdout } = await run(process.execPath, args, {
    ...process.env,
    TRIBUTARY_API_KEY: '0123456789',
  })
  assert.equal(code, 0)
  assert.match(stdout, /export type ParallelComposer/)
})
