/** A service with programs of files: how it starts, how it doesn't, and what a program's own faults do to it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { folderOf, programText } from '../support/program-files.ts'
import { ServerProcess } from '../support/server-process.ts'
import { errorOf, framesOf, predictionOf } from '../support/service.ts'
import { Upstream } from '../support/upstream.ts'

async function endpoint(t: TestContext): Promise<{ OPENAI_BASE_URL: string }> {
  const upstream = await Upstream.start()
  t.after(() => upstream.close())
  return { OPENAI_BASE_URL: upstream.url }
}

async function end(server: ServerProcess): Promise<void> {
  server.child.kill('SIGTERM')
  assert.deepEqual(await server.exit, { code: 0, signal: null }, server.stderr)
  assert.equal(server.stderr, '')
}

async function ask(server: ServerProcess, question: string) {
  return framesOf(await (await server.post(question)).text())
}

describe('a service with programs of files', { concurrency: 3 }, () => {
  it('runs them, each at its own path', async (t) => {
    const PROGRAMS = folderOf(t, { 'one.ts': programText('a'), 'two.js': programText('b') })
    const server = await ServerProcess.start(t, {
      ...(await endpoint(t)),
      PROGRAMS,
      DEFAULT_PROGRAM: 'two',
    })
    const listed = await (await fetch(`${server.url}/v1/programs`)).json()
    assert.deepEqual(
      [listed.default, listed.programs.map(({ name }: { name: string }) => name)],
      ['two', ['one', 'two', 'parallel-composer']],
    )
    assert.equal(predictionOf(await ask(server, 'Q')).data.answer, 'answer on Q')
    const response = await fetch(`${server.url}/v1/programs/one/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"question": "Q"}',
    })
    const frames = framesOf(await response.text())
    assert.deepEqual(
      new Set(frames.flatMap((frame) => (frame.type === 'token' ? [frame.predictor] : []))),
      new Set(['a']),
    )
    await end(server)
  })

  it('says in a line what is wrong with a file, and ends with 2', async (t) => {
    const PROGRAM = join(folderOf(t, { 'mine.ts': '\nconst x: = 1' }), 'mine.ts')
    const server = ServerProcess.spawn(t, { ...(await endpoint(t)), PROGRAM })
    assert.deepEqual(await server.exit, { code: 2, signal: null })
    assert.equal(server.stdout, '')
    assert.match(server.stderr, /^\/\S+\/mine\.ts:2: [^\n]+\n$/)
  })

  it('can be told to stop while a file is still loading', async (t) => {
    const PROGRAM = join(folderOf(t, { 'mine.ts': 'await new Promise(() => {})' }), 'mine.ts')
    const server = ServerProcess.spawn(t, { ...(await endpoint(t)), PROGRAM })
    await server.logs('is still loading')
    await end(server)
  })

  it('lives on whatever a program throws, and the log says where', async (t) => {
    const text = `
      import { predict, program } from 'tributary'
      export default program({ a: predict('question -> answer') }, async ({ a }, inputs) => {
        if (inputs.question === 'throw') throw new Error('in the body')
        if (inputs.question === 'reject') Promise.reject(new Error('in a forgotten promise'))
        if (inputs.question === 'timer') setTimeout(() => { throw new Error('in a timer') })
        if (inputs.question === 'call') a({ question: 'forgotten' })
        return a(inputs)
      })`
    const folder = folderOf(t, { 'mine.ts': text })
    const server = await ServerProcess.start(t, { ...(await endpoint(t)), PROGRAM: join(folder, 'mine.ts') })
    const { message } = errorOf(await ask(server, 'throw'), 'internal')
    assert.doesNotMatch(message, /in the body/)
    for (const question of ['reject', 'timer', 'call', 'none']) {
      assert.equal(predictionOf(await ask(server, question)).data.answer, `answer on ${question}`)
    }
    await end(server)

    const strays = server.lines.filter(({ msg }) => msg === 'a program threw outside of its runs')
    assert.deepEqual(
      strays.map(({ err, place, level }) => [(err as Error).message, place, level]),
      [
        ['in a forgotten promise', `${folder}/mine.ts:5:58`, 50],
        ['in a timer', `${folder}/mine.ts:6:67`, 50],
      ],
    )
    const [failed] = server.lines.filter(({ outcome }) => outcome === 'internal')
    assert.match(String((failed?.err as Error | undefined)?.stack), /in the body\n +at .*mine\.ts:4:/)
  })
})

describe('what is thrown outside of any run', () => {
  const SRC = new URL('../../src/', import.meta.url).href

  /** What a process prints in which this code throws. */
  async function printed(code: string): Promise<string> {
    const setUp = `
      import { surviveStrayErrors } from '${SRC}programs/stray-errors.ts'
      import { signature } from '${SRC}core/signature.ts'
      surviveStrayErrors(({ error }) => console.log('stray', error?.message), ({ message }) => console.log('own', message))`
    const args = ['--input-type=module', '--eval', `${setUp}\n${code}`]
    return (await promisify(execFile)(process.execPath, args)).stdout
  }

  it('is this package’s fault only where its own code alone can have thrown', async () => {
    assert.match(await printed("setTimeout(signature, 1, 'no arrow')"), /^own The signature 'no arrow'/)
    assert.match(await printed("setTimeout(async () => signature('no arrow'), 1)"), /^stray The signature/)
    assert.match(await printed("setTimeout(() => { throw new Error('theirs') }, 1)"), /^stray theirs$/m)
    assert.match(await printed('setTimeout(() => { throw undefined }, 1)'), /^stray undefined$/m)
    const emitter =
      "import { EventEmitter } from 'node:events'; setTimeout(() => new EventEmitter().emit('error', new Error('unheard')), 1)"
    assert.match(await printed(emitter), /^stray unheard$/m)
  })
})
