/** The AI SDK's own transport and reader, in three major versions, against the real service. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import * as ai7 from 'ai'
import * as ai5 from 'ai-5'
import * as ai6 from 'ai-6'
import fc from 'fast-check'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import { Service } from '../support/service.ts'
import { type Exchange, echo, only } from '../support/upstream.ts'

type Part = {
  readonly type: string
  readonly text?: string
  readonly state?: string
  readonly data?: unknown
  readonly providerMetadata?: { readonly tributary: { predictor: string; field: string; call: number } }
}

type Message = {
  readonly id: string
  readonly role: string
  readonly parts: Part[]
  readonly metadata?: unknown
}

type Transport = {
  sendMessages(options: object): Promise<ReadableStream>
  reconnectToStream(options: object): Promise<ReadableStream | null>
}

/** What the three have in common, whose types don't know of each other. */
type Sdk = {
  readonly DefaultChatTransport: new (options: object) => Transport
  readonly readUIMessageStream: (options: object) => AsyncIterable<Message>
}

const VERSIONS = { 'ai 5': ai5, 'ai 6': ai6, 'ai 7': ai7 } as unknown as Record<string, Sdk>

const said = (text: string): Message => ({ id: 'u', role: 'user', parts: [{ type: 'text', text }] })

/** A conversation with the service, through one version of the SDK. */
class Chat {
  readonly #sdk: Sdk
  readonly #transport: Transport
  readonly id: string
  errors: unknown[] = []

  constructor(
    sdk: Sdk,
    url: string,
    { id = 'chat-1', ...options }: { id?: string; [option: string]: unknown } = {},
  ) {
    this.#sdk = sdk
    this.#transport = new sdk.DefaultChatTransport({ api: `${url}/api/chat`, ...options })
    this.id = id
  }

  /** Asks, and reads the answer as it grows. */
  async *ask(messages: readonly Message[], abortSignal?: AbortSignal): AsyncGenerator<Message> {
    const trigger = 'submit-message'
    yield* this.#read(
      await this.#transport.sendMessages({
        chatId: this.id,
        trigger,
        messages,
        abortSignal,
        messageId: undefined,
      }),
    )
  }

  /** @returns undefined where there is nothing to go on with */
  async resume(): Promise<AsyncGenerator<Message> | undefined> {
    const stream = await this.#transport.reconnectToStream({ chatId: this.id })
    return stream ? this.#read(stream) : undefined
  }

  async *#read(stream: ReadableStream): AsyncGenerator<Message> {
    this.errors = []
    const onError = (error: unknown) => void this.errors.push(error)
    yield* this.#sdk.readUIMessageStream({ stream, onError })
  }
}

/** The last state of a message. */
async function whole(messages: AsyncIterable<Message>): Promise<Message> {
  const last = (await Array.fromAsync(messages)).at(-1)
  return last ?? assert.fail('no message')
}

/** Each lane's part, by its name. */
const lanesOf = ({ parts }: Message) =>
  Object.fromEntries(
    parts.flatMap(({ providerMetadata, type, text, state }) => {
      if (!providerMetadata) return []
      const { predictor, field, call } = providerMetadata.tributary
      return [[`${predictor}.${field}.${call}`, { type, text, state }]]
    }),
  )

const dataOf = ({ parts }: Message, type: string) => parts.find((part) => part.type === type)?.data

const ECHOED = {
  'ideas.brainstorm.reasoning.1': { type: 'reasoning', text: 'reasoning on Why?', state: 'done' },
  'ideas.brainstorm.brainstorm.1': { type: 'reasoning', text: 'brainstorm on Why?', state: 'done' },
  'evidence.probe.reasoning.1': { type: 'reasoning', text: 'reasoning on Why?', state: 'done' },
  'evidence.probe.evidence.1': { type: 'reasoning', text: 'evidence on Why?', state: 'done' },
  'compose.reasoning.1': { type: 'reasoning', text: 'reasoning on Why?', state: 'done' },
  'compose.answer.1': { type: 'text', text: 'answer on Why?', state: 'done' },
}

/** Begins an answer, and goes on only if the test does. */
const beginning = (exchange: Exchange) =>
  void exchange.open().delta('[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\nso far')

for (const [name, sdk] of Object.entries(VERSIONS)) {
  test(`${name} assembles every lane, character for character`, async (t) => {
    const service = await Service.start(t)
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', '\n', '"', '\\', '😀', 'é', '\u2028', 'data: [DONE]\n\n', '"delta":""'),
    })
    const texts = fc.record({ reasoning: text, brainstorm: text, evidence: text, answer: text })
    const outcomes: string[] = []
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (values, size) => {
        const of = Object.fromEntries(Object.entries(values).map(([field, value]) => [field, value.trim()]))
        service.upstream.script = (exchange) => {
          const written = exchange.fields.map((field) => [field, of[field] as string])
          exchange.answer(Object.fromEntries(written), size)
        }
        const chat = new Chat(sdk, service.url)
        const message = await whole(chat.ask([said('Why?')]))
        outcomes.push('ok')
        assert.deepEqual(chat.errors, [])
        const lanes = Object.keys(ECHOED).map((lane) => {
          const text = of[lane.split('.').at(-2) as string]
          const type = lane === 'compose.answer.1' ? 'text' : 'reasoning'
          return [lane, { type, text, state: 'done' }]
        })
        assert.deepEqual(lanesOf(message), Object.fromEntries(lanes))
        assert.deepEqual(dataOf(message, 'data-prediction'), { reasoning: of.reasoning, answer: of.answer })
        assert.deepEqual(message.metadata, { usage: { inputTokens: 36, outputTokens: 102 } })
        assert.equal(dataOf(message, 'data-status'), undefined, 'statuses pass by')
      }),
      { numRuns: 12 },
    )
    await service.assertQuiet(...outcomes)
  })

  test(`${name} gets the error of a run, and what was written before`, async (t) => {
    const service = await Service.start(t, { script: only('answer', (exchange) => exchange.refuse(401)) })
    const chat = new Chat(sdk, service.url)
    const message = await whole(chat.ask([said('Why?')]))
    const error = dataOf(message, 'data-error') as { code: string; message: string }
    assert.equal(error.code, 'upstream_auth')
    assert.deepEqual(
      chat.errors.map((one) => (one as Error).message),
      [error.message],
    )
    const { 'compose.reasoning.1': _, 'compose.answer.1': __, ...branches } = ECHOED
    assert.deepEqual(lanesOf(message), branches)
    await service.assertQuiet('upstream_auth')
  })

  test(`${name} gets refusals as sentences`, async (t) => {
    const others = {
      form: program('a, b -> c', { fill: predict('a, b -> c') }, ({ fill }, inputs) => fill(inputs)),
    }
    const env = { API_KEYS: 'web=0123456789', MAX_QUESTION_CHARS: '50' }
    const service = await Service.start(t, { others, env })
    const headers = { authorization: 'Bearer 0123456789' }
    const refusalOf = async (question: string, options: object = {}, messages = [said(question)]) => {
      const chat = new Chat(sdk, service.url, { headers, ...options })
      const error = await whole(chat.ask(messages)).then(
        () => assert.fail('not refused'),
        (thrown: Error) => thrown,
      )
      return error.message
    }
    const api = (program: string) => ({ api: `${service.url}/api/chat?program=${program}` })
    assert.equal(await refusalOf('Why?', api('no')), 'There is no program no. /v1/programs lists them.')
    assert.match(
      await refusalOf('Why?', api('form')),
      /^The program form takes more than a conversation can say/,
    )
    assert.match(await refusalOf('Why?', { headers: {} }), /^The service wants a key/)
    assert.match(await refusalOf('Why? '.repeat(20)), /^The conversation can't be answered: .*50 characters/)
    assert.match(await refusalOf('', {}, []), /a message with the role 'user' and some text is needed/)
    assert.match(
      await refusalOf('Why?', { id: 'a/b', body: { resumable: true } }),
      /a chat that is resumable needs an id/,
    )
    await service.assertQuiet()
  })

  test(`${name} stops a run by leaving it, and knows when it was cut`, async (t) => {
    const service = await Service.start(t, { script: only('answer', beginning) })
    const chat = new Chat(sdk, service.url)
    const read = async (signal: AbortSignal | undefined, onText: () => void) => {
      for await (const message of chat.ask([said('Why?')], signal)) {
        if (lanesOf(message)['compose.answer.1']?.text === 'so far') onText()
      }
    }
    const sockets = new Set<Socket>()
    service.server.on('connection', (socket) => sockets.add(socket))
    const cut = () => {
      for (const socket of sockets) socket.destroy()
    }
    const stop = new AbortController()
    await read(stop.signal, () => stop.abort()).catch(({ name }) => assert.equal(name, 'AbortError'))
    await service.assertQuiet('client_closed')
    await read(undefined, cut).catch((error) => chat.errors.push(error))
    assert.equal(chat.errors.length, 1)
    assert.match(String(chat.errors[0]), /terminated/)
    await service.assertQuiet('client_closed', 'client_closed')
    assert.ok(service.upstream.asking('answer').every(({ wasAborted }) => wasAborted))
  })

  test(`${name} goes on with a chat that is resumable, and with no other`, async (t) => {
    const service = await Service.start(t, { script: only('answer', beginning) })
    const leave = async (chat: Chat) => {
      const left = new AbortController()
      for await (const message of chat.ask([said('Why?')], left.signal)) {
        if (lanesOf(message)['compose.answer.1']?.text !== 'so far') continue
        left.abort()
        return message
      }
      return assert.fail('no text')
    }
    const plain = new Chat(sdk, service.url, { id: 'plain' })
    await leave(plain)
    assert.equal(await plain.resume(), undefined)
    const chat = new Chat(sdk, service.url, { body: { resumable: true } })
    const before = await leave(chat)
    const exchange = service.upstream.asking('answer').at(-1) as Exchange
    const again = (await chat.resume()) ?? assert.fail('nothing to go on with')
    const message = whole(again)
    exchange.delta(' and further').delta('\n\n[[ ## completed ## ]]').finish()
    const { id, parts, role } = await message
    assert.equal(id, before.id, 'the page replaces what it had')
    assert.deepEqual(lanesOf({ id, parts, role })['compose.answer.1'], {
      type: 'text',
      text: 'so far and further',
      state: 'done',
    })
    assert.deepEqual(chat.errors, [])
    const { 'compose.reasoning.1': _, 'compose.answer.1': __, ...branches } = ECHOED
    assert.partialDeepStrictEqual(lanesOf({ id, parts, role }), branches)
    assert.equal(await chat.resume(), undefined)
    await service.assertQuiet('client_closed', 'ok')
  })
}

test('an answer that comes back is a turn, and its thoughts are none', async (t) => {
  const service = await Service.start(t, {
    program: program(
      'question, history: History -> answer, note',
      { chat: predict('question, history: History -> note, answer') },
      ({ chat }, { question, history }) => chat({ question, history }),
    ),
    script: echo,
  })
  const chat = new Chat(VERSIONS['ai 7'] as Sdk, service.url)
  const first = await whole(chat.ask([said('One?')]))
  const second = await whole(chat.ask([said('One?'), first, said('Two?')]))
  assert.equal(lanesOf(second)['chat.answer.1']?.text, 'answer on Two?')
  const turns = service.upstream.exchanges[1]?.body.messages.slice(1, 3).map(({ content }) => content) ?? []
  assert.match(turns[0] as string, /One\?/)
  assert.match(turns[1] as string, /answer on One\?/)
  assert.doesNotMatch(turns[1] as string, /note on One/)
})
