/** OpenAI's chat completions, as the clients see them that people use, over a socket from the real service. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { streamText } from 'ai'
import fc from 'fast-check'
import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError } from 'openai'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import { oneCall, retold, tooLong } from '../support/programs.ts'
import { Service } from '../support/service.ts'
import { FAILURE, failing, type Texts, texts, told } from '../support/told-texts.ts'
import { only, type Script } from '../support/upstream.ts'

const model = 'parallel-composer'
const messages = [{ role: 'user' as const, content: 'Why?' }]

const clientOf = ({ url }: Service, apiKey = 'none') => new OpenAI({ baseURL: `${url}/v1`, apiKey })

/** Whether these are the lanes beside the answer, each below its title. Which branch spoke first is up to the network. */
function areThoughts(thoughts: string, { brainstorm, evidence, reasoning }: Texts): boolean {
  const titled = (lanes: Record<string, string>) =>
    Object.entries(lanes).flatMap(([title, text]) => (text === '' ? [] : [`**${title}**\n\n${text}`]))
  const branches = titled({
    'ideas.brainstorm: reasoning': reasoning,
    'ideas.brainstorm: brainstorm': brainstorm,
    'evidence.probe: reasoning': reasoning,
    'evidence.probe: evidence': evidence,
  })
  const last = titled({ 'compose: reasoning': reasoning })
  return ordersOf(branches).some((first) => thoughts === [...first, ...last].join('\n\n'))
}

const ordersOf = (parts: readonly string[]): string[][] =>
  parts.length === 0
    ? [[]]
    : parts.flatMap((one, index) => ordersOf(parts.toSpliced(index, 1)).map((rest) => [one, ...rest]))

type Delta = OpenAI.ChatCompletionChunk.Choice.Delta & { reasoning_content?: string }

/** How each client reads an answer: its text, and the thoughts where it knows them. */
const readers: Readonly<
  Record<string, (service: Service) => Promise<{ answer: string; thoughts?: string }>>
> = {
  async 'openai: create, streamed'(service) {
    const seen = { answer: '', thoughts: '' }
    const stream = await clientOf(service).chat.completions.create({ model, messages, stream: true })
    for await (const { choices } of stream) {
      const delta = choices[0]?.delta as Delta
      seen.answer += delta.content ?? ''
      seen.thoughts += delta.reasoning_content ?? ''
    }
    return seen
  },

  async 'openai: stream'(service) {
    const stream = clientOf(service).chat.completions.stream({
      model,
      messages,
      stream_options: { include_usage: true },
    })
    const { choices, usage } = await stream.finalChatCompletion()
    // Two branches and an answer, by the scripted upstream.
    assert.partialDeepStrictEqual(usage, { prompt_tokens: 36, completion_tokens: 102, total_tokens: 138 })
    assert.equal(choices[0]?.finish_reason, 'stop')
    return { answer: choices[0].message.content as string }
  },

  async 'openai: create, whole'(service) {
    const { choices, usage } = await clientOf(service).chat.completions.create({ model, messages })
    assert.equal(usage?.total_tokens, 138)
    const message = choices[0]?.message as OpenAI.ChatCompletionMessage & { reasoning_content?: string }
    return { answer: message.content as string, thoughts: message.reasoning_content ?? '' }
  },

  async '@langchain/openai'(service) {
    const chat = new ChatOpenAI({ model, apiKey: 'none', configuration: { baseURL: `${service.url}/v1` } })
    let answer = ''
    for await (const { content } of await chat.stream('Why?')) answer += content as string
    return { answer }
  },

  async '@ai-sdk/openai-compatible'(service) {
    const provider = createOpenAICompatible({ name: 'tributary', baseURL: `${service.url}/v1` })
    const seen = { answer: '', thoughts: '' }
    for await (const part of streamText({ model: provider(model), prompt: 'Why?' }).fullStream) {
      if (part.type === 'text-delta') seen.answer += part.text
      if (part.type === 'reasoning-delta') seen.thoughts += part.text
      if (part.type === 'error') throw part.error
    }
    return seen
  },
}

for (const [name, read] of Object.entries(readers)) {
  test(`${name}: the answer and the other lanes, character for character`, async (t) => {
    const service = await Service.start(t, { env: { HEARTBEAT_MS: '5' } })
    let runs = 0
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (said, size) => {
        service.upstream.script = told(said, size)
        const seen = await read(service)
        runs++
        assert.equal(seen.answer, said.answer)
        if (seen.thoughts !== undefined) assert.ok(areThoughts(seen.thoughts, said), seen.thoughts)
      }),
      { numRuns: 15 },
    )
    await service.assertQuiet(...Array(runs).fill('ok'))
  })
}

test('a run that fails in the middle throws, with its sentence and its code', async (t) => {
  const service = await Service.start(t, { script: failing })
  const isThrown = (error: unknown) => {
    assert.ok(error instanceof APIError)
    assert.deepEqual([error.message, error.code, error.type], [FAILURE, 'upstream_refused', 'server_error'])
    return true
  }
  let answer = ''
  const stream = await clientOf(service).chat.completions.create({ model, messages, stream: true })
  await assert.rejects(async () => {
    for await (const { choices } of stream) answer += choices[0]?.delta.content ?? ''
  }, isThrown)
  assert.match(answer, /^Half of/)
  await assert.rejects(clientOf(service).chat.completions.stream({ model, messages }).done(), isThrown)
  const chat = new ChatOpenAI({
    model,
    apiKey: 'none',
    maxRetries: 0,
    configuration: { baseURL: `${service.url}/v1` },
  })
  await assert.rejects(
    async () => {
      for await (const _ of await chat.stream('Why?'));
    },
    { message: FAILURE },
  )
  await assert.rejects(readers['@ai-sdk/openai-compatible']?.(service) ?? Promise.resolve(), (error) =>
    JSON.stringify(error, ['message', 'cause']).concat(String(error)).includes(FAILURE),
  )
  await service.assertQuiet(...Array(4).fill('upstream_refused'))
})

test('a whole answer that fails is an error with a status, and is not asked for again', async (t) => {
  const failures: [Script, number, string][] = [
    [failing, 502, 'upstream_refused'],
    [(exchange) => exchange.refuse(429, undefined, { 'retry-after': '120' }), 429, 'upstream_rate_limited'],
    [(exchange) => exchange.refuse(401), 502, 'upstream_auth'],
    [
      (exchange) => exchange.refuse(400, { error: { message: 'Too long', code: 'context_length_exceeded' } }),
      400,
      'prompt_too_long',
    ],
  ]
  const service = await Service.start(t)
  for (const [script, status, code] of failures) {
    service.upstream.script = script
    await assert.rejects(clientOf(service).chat.completions.create({ model, messages }), (error) => {
      assert.ok(error instanceof APIError)
      assert.deepEqual([error.status, error.code], [status, code])
      assert.equal(error.headers?.get('x-should-retry'), 'false')
      assert.equal(error.headers?.get('retry-after'), status === 429 ? '120' : null)
      assert.ok(error.requestID)
      return true
    })
  }
  await service.assertQuiet(...failures.map(([, , code]) => code))
})

test("an answer that its model's limit cut says so, and one whose other lanes were cut doesn't", async (t) => {
  const cut = (field: string) =>
    only(field, (exchange) => exchange.open().deltas(`[[ ## ${field} ## ]]\nCut`).finish('length'))
  const service = await Service.start(t)
  for (const [field, reason] of [
    ['answer', 'length'],
    ['evidence', 'stop'],
  ] as const) {
    service.upstream.script = cut(field)
    const whole = await clientOf(service).chat.completions.create({ model, messages })
    assert.equal(whole.choices[0]?.finish_reason, reason)
    const stream = clientOf(service).chat.completions.stream({ model, messages })
    assert.equal((await stream.finalChatCompletion()).choices[0]?.finish_reason, reason)
  }
})

test('programs that a conversation is enough for are models', async (t) => {
  const form = program(
    'question, limit: int -> answer',
    { answerer: predict('question, limit: int -> answer') },
    ({ answerer }, inputs) => answerer(inputs),
  )
  const service = await Service.start(t, { others: { 'one-call': oneCall, form } })
  const { models, chat } = clientOf(service)
  const { data } = await models.list()
  assert.deepEqual(
    data.map(({ id }) => id),
    [model, 'one-call'],
  )
  assert.deepEqual(await models.retrieve('one-call'), data[1])
  assert.ok(Math.abs((data[0]?.created ?? 0) - Date.now() / 1_000) < 3_600)
  const { choices, model: of } = await chat.completions.create({ model: 'one-call', messages })
  assert.deepEqual([of, choices[0]?.message.content], ['one-call', 'answer on Why?'])
  await assert.rejects(models.retrieve('no/such'), NotFoundError)
  await assert.rejects(chat.completions.create({ model: 'form', messages }), (error) => {
    assert.ok(error instanceof BadRequestError)
    assert.match(error.message, /\/v1\/programs\/form\/stream/)
    return true
  })
  await service.assertQuiet('ok')
})

test('a conversation is a question and its history, whatever else is in it', async (t) => {
  const chat = program(
    'question, history: History -> answer',
    { answerer: predict('question, history: History -> answer') },
    ({ answerer }, inputs) => answerer(inputs),
  )
  const service = await Service.start(t, { others: { chat } })
  await clientOf(service).chat.completions.create({
    model: 'chat',
    temperature: 0.5,
    max_tokens: 7,
    user: 'somebody',
    tools: [{ type: 'function', function: { name: 'f' } }],
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'First?' },
      { role: 'assistant', content: 'Firstly.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Second?' },
          { type: 'image_url', image_url: { url: 'data:,' } },
        ],
      },
    ],
  })
  const { body } = await service.upstream.request(0)
  const prompt = body.messages.map(({ content }) => content)
  assert.ok(
    prompt.some((text) => text.includes('First?')) && prompt.some((text) => text.includes('Firstly.')),
  )
  assert.equal(service.upstream.exchanges[0]?.input('question'), 'Second?')
  assert.ok(!prompt.some((text) => text.includes('Be brief.')))
  assert.deepEqual([body.temperature, body.max_tokens, body.tools, body.user], Array(4).fill(undefined))
})

test('a refusal throws, with its sentence, its code and the key that is at fault', async (t) => {
  const service = await Service.start(t, { env: { API_KEYS: 'web=0123456789', MAX_QUESTION_CHARS: '20' } })
  const client = clientOf(service, '0123456789')
  const create = (body: object) =>
    client.chat.completions.create({ model, messages, ...body }, { maxRetries: 0 })
  const refusals: [() => Promise<unknown>, number, string, string | null, RegExp][] = [
    [() => create({ model: 'gpt-5' }), 404, 'model_not_found', null, /^There is no model 'gpt-5'/],
    [() => create({ model: 7 }), 400, 'bad_body', 'model', /^model: /],
    [() => create({ n: 2 }), 400, 'bad_body', 'n', /one answer/],
    [() => create({ stream: 'yes' }), 400, 'bad_body', 'stream', /true or false/],
    [
      () => create({ response_format: { type: 'json_object' } }),
      400,
      'bad_body',
      'response_format',
      /signature/,
    ],
    [() => create({ messages: [] }), 400, 'bad_body', 'messages', /role 'user'/],
    [() => create({ messages: 'Why?' }), 400, 'bad_body', 'messages', /array of messages/],
    [
      () => create({ messages: [{ role: 'user', content: 'x'.repeat(21) }] }),
      400,
      'bad_body',
      'messages',
      /20/,
    ],
    [
      () => create({ messages: [{ role: 'user', content: 'x'.repeat(2 ** 20) }] }),
      413,
      'body_too_large',
      null,
      /1048576/,
    ],
    [() => clientOf(service, 'wrong').models.list(), 401, 'unauthorized', null, /authorization/],
  ]
  for (const [refused, status, code, param, message] of refusals) {
    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof APIError)
      assert.deepEqual([error.status, error.code, error.param], [status, code, param], error.message)
      assert.match(error.message.slice(4), message)
      const type = status === 401 ? 'authentication_error' : 'invalid_request_error'
      assert.equal(error.type, type)
      return true
    })
  }
  await assert.rejects(
    clientOf(service, 'wrong').chat.completions.create({ model, messages }),
    AuthenticationError,
  )
  const bare = await fetch(`${service.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer 0123456789' },
    body: '[]',
  })
  assert.match(bare.headers.get('content-type') ?? '', /^application\/problem\+json\b/)
  assert.partialDeepStrictEqual(await bare.json(), {
    status: 400,
    code: 'bad_body',
    error: { code: 'bad_body' },
  })
  assert.equal(service.upstream.exchanges.length, 0)
  await service.assertQuiet()
})

test('one stream too many is refused as a server error, which clients ask again after', async (t) => {
  const service = await Service.start(t, { env: { MAX_STREAMS: '1' }, script: () => {} })
  const first = await clientOf(service).chat.completions.create({ model, messages, stream: true })
  await assert.rejects(
    clientOf(service).chat.completions.create({ model, messages }, { maxRetries: 0 }),
    (error) => {
      assert.ok(error instanceof APIError)
      assert.deepEqual([error.status, error.code, error.type], [503, 'too_many_streams', 'server_error'])
      assert.equal(error.headers?.get('x-should-retry'), null)
      assert.ok(Number(error.headers?.get('retry-after')) > 0)
      return true
    },
  )
  first.controller.abort()
  await service.assertQuiet('client_closed')
})

test('a client that leaves ends the run, whether it streams or waits for the whole', async (t) => {
  const service = await Service.start(t, { script: only('answer', () => {}) })
  const stream = await clientOf(service).chat.completions.create({ model, messages, stream: true })
  await service.upstream.request(2)
  stream.controller.abort()
  const [line] = await service.finished()
  assert.equal(line?.outcome, 'client_closed')

  const client = new AbortController()
  const whole = clientOf(service).chat.completions.create({ model, messages }, { signal: client.signal })
  await service.upstream.request(5)
  client.abort()
  await assert.rejects(whole)
  await service.assertQuiet('client_closed', 'client_closed')
  assert.equal(service.upstream.exchanges.filter(({ wasAborted }) => wasAborted).length, 2)
  assert.ok(!service.log.lines.some(({ level }) => level > 30))
})

test('an attempt that was objected to is never heard of', async (t) => {
  const service = await Service.start(t, { others: { retold }, script: tooLong })
  service.upstream.request(2).then((second) => second.answer({ reasoning: '', answer: 'brief' }))
  let answer = ''
  const stream = await clientOf(service).chat.completions.create({ model: 'retold', messages, stream: true })
  for await (const { choices } of stream) answer += choices[0]?.delta.content ?? ''
  assert.equal(answer, 'brief')
  await service.assertQuiet('ok')
})

test('a part that failed alone is told among the thoughts, and its status is over', async (t) => {
  const aside = program(
    { aside: predict('question -> aside', { required: false }), answerer: predict('question -> answer') },
    async ({ aside, answerer }, { question }) => {
      await aside({ question })
      return answerer({ question })
    },
  )
  const service = await Service.start(t, {
    others: { aside },
    script: only('aside', (exchange) =>
      exchange.open().deltas('[[ ## aside ## ]]\nHalf').finish('content_filter'),
    ),
  })
  const seen = { answer: '', thoughts: '', statuses: [] as unknown[] }
  const stream = await clientOf(service).chat.completions.create({ model: 'aside', messages, stream: true })
  for await (const { choices, ...rest } of stream) {
    const delta = choices[0]?.delta as Delta
    seen.answer += delta.content ?? ''
    seen.thoughts += delta.reasoning_content ?? ''
    if ('event' in rest) seen.statuses.push(rest.event)
  }
  assert.deepEqual(seen, {
    answer: 'answer on Why?',
    thoughts: `**aside: aside**\n\nHalf\n\n**aside**\n\n${FAILURE}`,
    statuses: [{ type: 'status', data: { description: FAILURE, done: true } }],
  })
  await service.assertQuiet('ok')
})

test('a connection that breaks is no answer', async (t) => {
  const service = await Service.start(t, {
    script: only('answer', (exchange) => void exchange.open().delta('[[ ## answer ## ]]\nHalf')),
  })
  const stream = await clientOf(service).chat.completions.create({ model, messages, stream: true })
  await assert.rejects(async () => {
    for await (const { choices } of stream) {
      if (choices[0]?.delta.content) (service.server as import('node:http').Server).closeAllConnections()
    }
  })
})

test('pages of other origins may ask, with whatever headers their client adds, and read whether to ask again', async (t) => {
  const service = await Service.start(t, {
    env: { CORS_ORIGIN: 'https://chat.example' },
    script: (exchange) => exchange.refuse(401),
  })
  const origin = 'https://chat.example'
  const path = `${service.url}/v1/chat/completions`
  const preflight = await fetch(path, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
    },
  })
  assert.equal(preflight.headers.get('access-control-allow-origin'), origin)
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /x-stainless-lang/)
  const failed = await fetch(path, {
    method: 'POST',
    headers: { origin, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages }),
  })
  assert.equal(failed.status, 502)
  assert.match(failed.headers.get('access-control-expose-headers') ?? '', /x-should-retry/)
})
