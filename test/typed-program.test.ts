/** A program with a signature of its own and values that aren't texts, from the request to the prediction. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { z } from 'zod'
import type { Frame } from '../src/core/frame.ts'
import { predict } from '../src/core/predictor.ts'
import { program } from '../src/core/program.ts'
import { refusalOf } from './support/refusals.ts'
import { errorOf, predictionOf, Reading, Service, text } from './support/service.ts'

const Line = z.object({ item: z.string(), quantity: z.int().min(1) })
const types = { Line }

const extract = program(
  'text: str, limit: int, lang: Literal["en", "de"], tags: list[str], hint: Optional[str] -> vendor: str, lines: list[Line], total: float, sure: bool',
  {
    read: predict('text, limit: int, hint: Optional[str] -> vendor, lines: list[Line], sure: bool', {
      types,
      describe: { lines: 'the lines of the invoice' },
    }),
  },
  async ({ read }, { text, limit, hint, lang }) => {
    const { vendor, lines, sure } = await read({ text: `${lang}: ${text}`, limit, hint })
    return { vendor, lines, sure, total: lines.reduce((sum, { quantity }) => sum + quantity, 0) }
  },
  { types, describe: { text: 'An invoice.' }, description: 'Reads invoices.' },
)

const asked = { text: 'ACME', limit: 3, lang: 'en', tags: [] }
const LINES = '[ {"item": "nut, \\"M3\\"", "quantity": 2},\n{"item":"bolt","quantity":1} ]'

const start = (t: TestContext, answers: Record<string, string> = {}) =>
  Service.start(t, {
    program: extract,
    script: (exchange) =>
      exchange.answer({ vendor: ' ACME [x] ', lines: LINES, sure: 'True', ...answers }, 3),
  })

const post = (service: Service, body: object) =>
  fetch(`${service.url}/v1/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

async function ask(service: Service, body: object = asked, cut?: readonly string[]): Promise<Frame[]> {
  const response = await post(service, body)
  if (response.status !== 200) assert.fail(await response.text())
  return new Reading(response).frames(cut)
}

describe('a typed program', () => {
  it('streams texts as they are and other values as the JSON that the model wrote', async (t) => {
    const service = await start(t)
    const frames = await ask(service)
    assert.equal(text(frames, 'read', 'vendor'), 'ACME [x]')
    assert.equal(text(frames, 'read', 'lines'), LINES)
    assert.equal(text(frames, 'read', 'sure'), 'True')
    const lines = [
      { item: 'nut, "M3"', quantity: 2 },
      { item: 'bolt', quantity: 1 },
    ]
    const { data } = predictionOf(frames)
    assert.deepEqual(data, { vendor: 'ACME [x]', lines, total: 3, sure: true })
    assert.deepEqual(Object.keys(data), ['vendor', 'lines', 'total', 'sure'])
    assert.ok(!frames.some(({ type }) => type === 'value'))
    await service.assertQuiet('ok')
  })

  it('sends values as soon as each is closed, where they are included', async (t) => {
    const service = await start(t)
    const frames = await ask(service, { ...asked, include: ['values'] })
    const values = frames.filter((frame) => frame.type === 'value')
    assert.deepEqual(values, [
      {
        type: 'value',
        field: 'lines',
        predictor: 'read',
        path: '/0',
        value: { item: 'nut, "M3"', quantity: 2 },
      },
      { type: 'value', field: 'lines', predictor: 'read', path: '/1', value: { item: 'bolt', quantity: 1 } },
      { type: 'value', field: 'sure', predictor: 'read', path: '', value: true },
    ])
    // The first item is there before the second has been written.
    const first = frames.indexOf(values[0] as Frame)
    assert.equal(text(frames.slice(0, first + 1), 'read', 'lines').includes('bolt'), false)
    await service.assertQuiet('ok')
  })

  it('tells the model the types, and gives it typed inputs as JSON', async (t) => {
    const service = await start(t)
    await ask(service)
    const [system, user] = service.upstream.exchanges[0]?.body.messages ?? []
    assert.match(
      system?.content ?? '',
      /- `lines` \(list\[Line\]\): the lines of the invoice Its JSON Schema: \{"type":"array"/,
    )
    assert.match(system?.content ?? '', /- `limit` \(int\)/)
    assert.match(user?.content ?? '', /\[\[ ## limit ## \]\]\n3\n\n\[\[ ## hint ## \]\]\nnull\n/)
    assert.match(user?.content ?? '', /\[\[ ## lines ## \]\] \(JSON of the type list\[Line\]\)/)
  })

  it('refuses a body of other types, with a pointer for each fault', async (t) => {
    const service = await start(t)
    const refused = async (body: object) => {
      const { errors = [], detail } = await refusalOf(await post(service, body), 400, 'bad_body')
      return { pointers: errors.map(({ pointer }) => pointer), detail }
    }
    assert.deepEqual((await refused({})).pointers, ['/text', '/limit', '/lang', '/tags'])
    const wrong = {
      text: ' ',
      limit: 1.5,
      lang: 'fr',
      tags: ['a', 1],
      hint: 2,
      question: 'Q',
      include: ['x'],
    }
    const { pointers, detail } = await refused(wrong)
    assert.deepEqual(pointers, ['/text', '/limit', '/lang', '/tags/1', '/hint', '/include/0', '/question'])
    assert.match(
      detail,
      /^The body must be like \{"text": …, "limit": …, "lang": …, "tags": …, "hint": …\}\./,
    )
    assert.match(detail, /\/lang: Invalid option: expected one of "en"\|"de"/)
    const { pointers: tenOnly } = await refused({ ...asked, tags: Array(20_000).fill(1) })
    assert.equal(tenOnly.length, 10)
    for (const hint of [null, 'H']) await ask(service, { ...asked, hint })
    assert.equal(service.upstream.exchanges.length, 2)
  })

  it('ends with a pointer where a value is not of its type, and what came stays', async (t) => {
    const service = await start(t, { lines: '[{"item": "nut", "quantity": 0}]' })
    const frames = await ask(service, { ...asked, include: ['values'] })
    const { message } = errorOf(frames, 'upstream_format', 'read')
    assert.match(message, /\/lines\/0\/quantity: /)
    assert.equal(text(frames, 'read', 'lines'), '[{"item": "nut", "quantity": 0}]')
    assert.deepEqual(
      frames.flatMap((frame) => (frame.type === 'value' ? [frame.field] : [])),
      ['sure'],
    )
    await service.assertQuiet('upstream_format')
  })

  it('that returns what it did not promise ends with `internal`, and the log names the field', async (t) => {
    const liar = program(
      'question -> answer: str, score: int',
      { solo: predict('question -> answer') },
      (async (
        { solo }: { solo: (inputs: object) => Promise<object> },
        { question }: { question: string },
      ) => ({ ...(await solo({ question })), score: 'high' })) as never,
    )
    const service = await Service.start(t, { program: liar })
    errorOf(await service.ask('Q'), 'internal')
    const [line] = await service.assertQuiet('internal')
    assert.match(JSON.stringify(line?.err), /\/score: expected number, received string/)
  })

  it('describes itself with the schemas of its inputs and outputs, and so does the OpenAPI document', async (t) => {
    const service = await start(t)
    const get = async (path: string) => (await fetch(`${service.url}${path}`)).json()
    const description = await get('/v1/program')
    assert.deepEqual(
      [description.name, description.description, description.answer],
      ['program', 'Reads invoices.', { predictor: 'read', field: 'vendor' }],
    )
    assert.deepEqual(description.inputs, {
      type: 'object',
      properties: {
        text: { type: 'string', minLength: 1, maxLength: 8000, description: 'An invoice.' },
        limit: { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
        lang: { type: 'string', enum: ['en', 'de'] },
        tags: { type: 'array', items: { type: 'string' } },
        hint: { type: ['string', 'null'] },
      },
      required: ['text', 'limit', 'lang', 'tags'],
      additionalProperties: false,
    })
    assert.deepEqual(description.input_types, {
      text: 'str',
      limit: 'int',
      lang: 'Literal["en", "de"]',
      tags: 'list[str]',
      hint: 'Optional[str]',
    })
    assert.deepEqual(description.outputs.required, ['vendor', 'lines', 'total', 'sure'])
    assert.deepEqual(description.predictors[0].types, { vendor: 'str', lines: 'list[Line]', sure: 'bool' })
    assert.deepEqual(await get('/v1/programs'), { default: 'program', programs: [description] })
    assert.deepEqual(await get('/v1/programs/program'), description)

    const { paths, components } = await get('/openapi.json')
    assert.ok('/v1/programs/program/stream' in paths)
    const { include, resumable, ...inputs } = components.schemas.Question.properties
    assert.deepEqual(inputs, description.inputs.properties)
    assert.equal(resumable.type, 'boolean')
    assert.deepEqual(include.items.enum, ['reasoning', 'usage', 'values'])
  })

  it('is asked under its own path too', async (t) => {
    const service = await start(t)
    const response = await fetch(`${service.url}/v1/programs/program/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(asked),
    })
    assert.equal(predictionOf(await new Reading(response).frames()).data.total, 3)
  })

  it('has no input with a name that requests need', () => {
    for (const name of ['include', 'resumable']) {
      assert.throws(() => program(`${name} -> a` as string, {}, async () => ({ a: '' })), /requests need/)
    }
  })
})
