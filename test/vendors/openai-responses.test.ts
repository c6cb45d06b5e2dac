/** OpenAI's responses, as the clients see them that people use, over a socket from the real service. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOpenAI } from '@ai-sdk/openai'
import { streamText } from 'ai'
import fc from 'fast-check'
import OpenAI, { APIError } from 'openai'
import { Service } from '../support/service.ts'
import { FAILURE, failing, type Texts, texts, told } from '../support/told-texts.ts'
import { only } from '../support/upstream.ts'

const model = 'parallel-composer'
const input = 'Why?'

const clientOf = ({ url }: Service) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none' })

/** The lanes beside the answer. Which branch spoke first is up to the network. */
const summariesOf = ({ brainstorm, evidence, reasoning }: Texts): string[] =>
  [brainstorm, evidence, reasoning, reasoning, reasoning].filter((text) => text !== '').sort()

type Seen = { readonly answer: string; readonly summaries: string[] }

const seenIn = ({ output, output_text }: OpenAI.Responses.Response): Seen => ({
  answer: output_text,
  summaries: output.flatMap((item) =>
    item.type === 'reasoning' ? item.summary.map(({ text }) => text) : [],
  ),
})

const readers: Readonly<Record<string, (service: Service) => Promise<Seen>>> = {
  async 'openai: create, streamed'(service) {
    const lanes = new Map<string, string>()
    let answer = ''
    for await (const event of await clientOf(service).responses.create({ model, input, stream: true })) {
      if (event.type === 'response.output_text.delta') answer += event.delta
      if (event.type === 'response.reasoning_summary_text.delta')
        lanes.set(event.item_id, (lanes.get(event.item_id) ?? '') + event.delta)
    }
    return { answer, summaries: [...lanes.values()] }
  },

  async 'openai: stream'(service) {
    const response = await clientOf(service).responses.stream({ model, input }).finalResponse()
    // Two branches and an answer, by the scripted upstream.
    assert.equal(response.usage?.total_tokens, 138)
    assert.equal(response.status, 'completed')
    return seenIn(response)
  },

  async 'openai: create, whole'(service) {
    return seenIn(await clientOf(service).responses.create({ model, input }))
  },

  async "@ai-sdk/openai's default model"(service) {
    const provider = createOpenAI({ baseURL: `${service.url}/v1`, apiKey: 'none' })
    const lanes = new Map<string, string>()
    let answer = ''
    for await (const part of streamText({ model: provider(model), prompt: input }).fullStream) {
      if (part.type === 'text-delta') answer += part.text
      if (part.type === 'reasoning-delta') lanes.set(part.id, (lanes.get(part.id) ?? '') + part.text)
      if (part.type === 'error') throw part.error
    }
    return { answer, summaries: [...lanes.values()] }
  },
}

for (const [name, read] of Object.entries(readers)) {
  test(`${name}: the answer and the other lanes, character for character`, async (t) => {
    const service = await Service.start(t, { env: { HEARTBEAT_MS: '5' } })
    let runs = 0
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (said, size) => {
        service.upstream.script = told(said, size)
        const { answer, summaries } = await read(service)
        runs++
        assert.equal(answer, said.answer)
        assert.deepEqual(summaries.sort(), summariesOf(said))
      }),
      { numRuns: 15 },
    )
    await service.assertQuiet(...Array(runs).fill('ok'))
  })
}

test('the names of the lanes are in the ids of their items', async (t) => {
  const service = await Service.start(t)
  const { output } = await clientOf(service).responses.stream({ model, input }).finalResponse()
  assert.deepEqual(output.map(({ id }) => (id as string).split('_').at(-1)).sort(), [
    'compose.answer',
    'compose.reasoning',
    'evidence.probe.evidence',
    'evidence.probe.reasoning',
    'ideas.brainstorm.brainstorm',
    'ideas.brainstorm.reasoning',
  ])
})

test('a run that fails in the middle is a failed response, and what it has written stays', async (t) => {
  const service = await Service.start(t, { script: failing })
  const response = await clientOf(service).responses.stream({ model, input }).finalResponse()
  assert.equal(response.status, 'failed')
  assert.deepEqual(response.error, { code: 'server_error', message: FAILURE })
  assert.equal(response.metadata?.code, 'upstream_refused')
  const message = response.output.find(({ type }) => type === 'message')
  assert.partialDeepStrictEqual(message, { status: 'incomplete', content: [{ text: 'Half of it' }] })

  await assert.rejects(
    readers["@ai-sdk/openai's default model"]?.(service) ?? Promise.resolve(),
    (error: Error) => error.message.includes(FAILURE),
  )
  await assert.rejects(clientOf(service).responses.create({ model, input }), (error) => {
    assert.ok(error instanceof APIError)
    assert.deepEqual([error.status, error.code], [502, 'upstream_refused'])
    assert.equal(error.headers?.get('x-should-retry'), 'false')
    return true
  })
  await service.assertQuiet(...Array(3).fill('upstream_refused'))
})

test("an answer that its model's limit cut is an incomplete response", async (t) => {
  const service = await Service.start(t, {
    script: only('answer', (exchange) => exchange.open().deltas('[[ ## answer ## ]]\nCut').finish('length')),
  })
  for (const response of [
    await clientOf(service).responses.create({ model, input }),
    await clientOf(service).responses.stream({ model, input }).finalResponse(),
  ]) {
    assert.deepEqual(
      [response.status, response.incomplete_details, response.output_text],
      ['incomplete', { reason: 'max_output_tokens' }, 'Cut'],
    )
  }
})

test('what needs a memory is refused, and what is asked for in vain is ignored', async (t) => {
  const service = await Service.start(t)
  const create = (body: object) => clientOf(service).responses.create({ model, input, ...body })
  for (const [body, param, message] of [
    [{ previous_response_id: 'resp_1' }, 'previous_response_id', /whole conversation/],
    [{ conversation: 'conv_1' }, 'conversation', /whole conversation/],
    [{ background: true }, 'background', /nothing is kept/],
    [{ text: { format: { type: 'json_object' } } }, 'text', /signature/],
    [{ input: [] }, 'input', /role 'user'/],
    [{ input: 7 }, 'input', /array of messages/],
  ] as const) {
    await assert.rejects(create(body), (error) => {
      assert.ok(error instanceof APIError)
      assert.deepEqual([error.status, error.code, error.param], [400, 'bad_body', param])
      assert.match(error.message, message)
      return true
    })
  }
  assert.equal(service.upstream.exchanges.length, 0)
  const { output_text } = await create({
    previous_response_id: null,
    background: false,
    store: true,
    instructions: 'Be brief.',
    text: { format: { type: 'text' } },
    input: [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'First?' }] },
      { type: 'reasoning', id: 'rs_1', summary: [] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Firstly.' }] },
      { role: 'user', content: 'Second?' },
    ],
  })
  assert.equal(output_text, 'answer on Second?')
  await service.assertQuiet('ok')
})

test('a client that leaves ends the run', async (t) => {
  const service = await Service.start(t, { script: only('answer', () => {}) })
  const stream = await clientOf(service).responses.create({ model, input, stream: true })
  await service.upstream.request(2)
  stream.controller.abort()
  await service.assertQuiet('client_closed')
})
