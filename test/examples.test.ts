/** The programs in examples/programs, loaded as a user's are, with a scripted model behind them. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Frame } from '../src/core/frame.ts'
import { errorOf, predictionOf, Reading, Service, text } from './support/service.ts'
import type { Exchange, Script } from './support/upstream.ts'

const FOLDER = 'examples/programs'

/** What the model writes in each field, whoever asks; a function may look at the request. */
type Answers = Readonly<Record<string, string | ((exchange: Exchange) => string)>>

const answering =
  (answers: Answers): Script =>
  (exchange) => {
    const values = exchange.fields.map((field) => {
      const answer = answers[field] ?? `some ${field}`
      return [field, typeof answer === 'string' ? answer : answer(exchange)]
    })
    exchange.answer(Object.fromEntries(values), 3)
  }

/** A service of all examples, and a way to ask one. */
async function setUp(t: TestContext, script: Script) {
  const service = await Service.start(t, { script, env: { PROGRAMS: FOLDER } })
  const ask = async (name: string, inputs: object, cut: readonly string[] = []): Promise<Frame[]> => {
    const response = await fetch(`${service.url}/v1/programs/${name}/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(inputs),
    })
    if (response.status !== 200) assert.fail(await response.text())
    return new Reading(response).frames(cut)
  }
  return { service, ask }
}

const statuses = (frames: readonly Frame[]) =>
  frames.flatMap((frame) => (frame.type === 'status' ? [frame.message] : []))

describe('the examples', () => {
  it('are all loaded from their folder, but for the file that is no program', async (t) => {
    const { service } = await setUp(t, answering({}))
    const { programs } = await (await fetch(`${service.url}/v1/programs`)).json()
    const names = programs.map(({ name }: { name: string }) => name)
    assert.deepEqual(names, ['clock', 'invoice', 'rag', 'research', 'parallel-composer'])
  })

  it('rag: answers from passages that it has found in the documentation', async (t) => {
    const { service, ask } = await setUp(t, answering({ cited: '[1, 7]' }))
    const question = 'How do I write a program with a signature of my own?'
    const history = [{ question: 'Who are you?', answer: 'A river.' }]
    const frames = await ask('rag', { question, history, include: ['values'] })
    assert.deepEqual(statuses(frames).slice(0, 2), ['Spinning ideas...', `Looking for “${question}”…`])
    assert.ok(statuses(frames).includes('3 passages read.') && statuses(frames).includes('2 sources.'))

    const found = JSON.parse(text(frames, 'retrieve.search', 'passages')) as string[]
    assert.equal(found.length, 3)
    assert.ok(
      found.some((passage) => passage.startsWith('programs.md, ')),
      found.join('\n'),
    )
    const items = frames.filter((frame) => frame.type === 'value' && frame.predictor === 'retrieve.search')
    assert.deepEqual(
      items.map((frame) => (frame.type === 'value' ? frame.value : undefined)),
      found,
    )
    assert.deepEqual(predictionOf(frames).data, { answer: 'some answer', sources: [found[1]] })

    const [brainstorm] = service.upstream.asking('brainstorm')
    assert.deepEqual(
      brainstorm?.body.messages.map(({ role }) => role),
      ['system', 'user', 'assistant', 'user'],
    )
    await service.assertQuiet('ok')
  })

  it('rag: goes on without evidence when that branch fails', async (t) => {
    const script: Script = (exchange, upstream) =>
      exchange.field === 'cited' ? exchange.refuse(401) : answering({})(exchange, upstream)
    const { service, ask } = await setUp(t, script)
    const prediction = predictionOf(await ask('rag', { question: 'Why?', history: [] }))
    assert.deepEqual(prediction.data, { answer: 'some answer', sources: [] })
    assert.deepEqual(prediction.degraded, ['evidence'])
    assert.equal(service.upstream.asking('answer')[0]?.input('evidence'), 'none found')
    await service.assertQuiet('ok')
  })

  it('clock: calls the tools that the model names, and shortens an answer that is too long', async (t) => {
    let turns = 0
    let answers = 0
    const { service, ask } = await setUp(
      t,
      answering({
        next_tool_name: () => ['time', 'convert', 'finish'][turns++] as string,
        next_tool_args: () =>
          ['{"zone": "Asia/Tokyo"}', '{"value": 20, "unit": "C"}', '{}'][turns - 1] as string,
        notes: '["it is late", "and warm"]',
        answer: () => (answers++ === 0 ? 'long '.repeat(200) : 'Late and warm.'),
      }),
    )
    const frames = await ask('clock', { question: 'Is it warm in Tokyo?' })
    assert.match(text(frames, 'act.time', 'time'), /\d{4} at \d\d:\d\d$/)
    assert.equal(text(frames, 'act.convert', 'converted'), '68')
    assert.deepEqual(predictionOf(frames).data, { answer: 'Late and warm.', turns: 3 })
    assert.equal(frames.filter(({ type }) => type === 'reset').length, 1)
    await service.assertQuiet('ok')
  })

  it('invoice: gives checked values, in JSON where the endpoint forces it', async (t) => {
    const LINES =
      '[{"item": "nut", "quantity": 2, "price": 1.5}, {"item": "bolt", "quantity": 1, "price": 3}]'
    const { service, ask } = await setUp(
      t,
      answering({
        vendor: 'ACME',
        lines: LINES,
        currency: 'EUR',
        sure: 'True',
      }),
    )
    const { data } = predictionOf(await ask('invoice', { text: 'ACME. 2 nuts, 1 bolt.' }))
    assert.deepEqual(data, {
      vendor: 'ACME',
      lines: JSON.parse(LINES),
      currency: 'EUR',
      total: 6,
      sure: true,
    })
    const [read] = service.upstream.asking('currency')
    assert.ok(read?.isJson)
    assert.equal((read.body as { temperature?: number }).temperature, 0)
    await service.assertQuiet('ok')
  })

  it('invoice: a line that is not one ends the run, with a pointer to it', async (t) => {
    const LINES = '[{"item": "nut", "quantity": 0, "price": 1.5}]'
    const { service, ask } = await setUp(t, answering({ vendor: 'ACME', lines: LINES, currency: 'EUR' }))
    const { message } = errorOf(await ask('invoice', { text: 'ACME' }), 'upstream_format', 'read')
    assert.match(message, /\/lines\/0\/quantity: /)
    await service.assertQuiet('upstream_format')
  })

  it('research: has four branches, and can do without one', async (t) => {
    const { service, ask } = await setUp(t, answering({ figures: '["1 in 3", "7 km"]' }))
    const frames = await ask('research', { question: 'Why?' })
    assert.deepEqual(predictionOf(frames), { type: 'prediction', data: { answer: 'some answer' } })
    assert.ok(statuses(frames).includes('2 numbers found.'))
    service.upstream.script = (exchange, upstream) =>
      exchange.field === 'figures' ? exchange.reset() : answering({})(exchange, upstream)
    const without = await ask('research', { question: 'Why?' })
    assert.deepEqual(predictionOf(without).degraded, ['numbers'])
    assert.ok(statuses(without).includes('Going on without numbers.'))
    await service.assertQuiet('ok', 'ok')
  })
})
