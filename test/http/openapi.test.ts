/** The OpenAPI document is sound, and what the service really sends is what it says. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { type TestContext, test } from 'node:test'
import type { ProblemBody } from '../../src/http/problem.ts'
import { retold, tooLong } from '../support/programs.ts'
import { postBody } from '../support/refusals.ts'
import { Reading, Service } from '../support/service.ts'
import { only } from '../support/upstream.ts'

type Schema = { readonly [key: string]: unknown }

type Operation = {
  readonly operationId: string
  readonly summary: string
  readonly requestBody?: { readonly content: Content }
  readonly security?: readonly object[]
  readonly responses: Record<string, { readonly description: string; readonly content: Content }>
}

type Content = Record<string, { readonly schema: { readonly $ref: string }; readonly example: unknown }>

type Document = {
  readonly openapi: string
  readonly info: Record<string, string>
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: {
    readonly schemas: Record<string, Schema>
    readonly securitySchemes: Record<string, { readonly type: string; readonly scheme: string }>
  }
}

type Ajv = {
  addSchema(schema: object, key: string): Ajv
  compile(schema: object): { (data: unknown): boolean; readonly errors?: unknown }
}

/** Fastify's own validator, since no other is at hand. */
const fromFastify = createRequire(createRequire(import.meta.url).resolve('fastify'))
const { Ajv2020 } = fromFastify('ajv/dist/2020.js') as { Ajv2020: new (options: object) => Ajv }

async function documentOf(service: Service, headers: Record<string, string> = {}): Promise<Document> {
  const response = await fetch(`${service.url}/openapi.json`, { headers })
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
  return (await response.json()) as Document
}

/** Checks values against a schema of the document, strictly: a keyword that doesn't exist is an error too. */
function checker({ components }: Document): (name: string, value: unknown) => void {
  // `discriminator` is a keyword of OpenAPI's, not of JSON Schema's.
  const ajv = new Ajv2020({
    keywords: ['discriminator', 'components'],
    formats: { 'date-time': true },
    allErrors: true,
  })
  ajv.addSchema({ components }, 'document')
  return (name, value) => {
    const validate = ajv.compile({ $ref: `document#/components/schemas/${name}` })
    assert.ok(validate(value), `${name}: ${JSON.stringify(validate.errors)} in ${JSON.stringify(value)}`)
  }
}

/** Every value under this key, wherever it stands. */
function valuesOf(value: unknown, key: string): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    name === key ? [inner, ...valuesOf(inner, key)] : valuesOf(inner, key),
  )
}

const setUp = async (t: TestContext) => {
  const service = await Service.start(t)
  const document = await documentOf(service)
  return { service, document, check: checker(document) }
}

test('the document is OpenAPI 3.1, and every reference leads somewhere', async (t) => {
  const { document, check } = await setUp(t)
  assert.match(document.openapi, /^3\.1\.\d+$/)
  assert.ok(document.info.title && document.info.version)
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path))
  const ids = operations.map(({ operationId }) => operationId)
  assert.equal(new Set(ids).size, ids.length)
  for (const { summary, responses } of operations) {
    assert.ok(summary.length > 0)
    for (const [status, response] of Object.entries(responses)) {
      assert.match(status, /^[2-5]\d\d$/)
      assert.ok(response.description.length > 0)
      assert.ok(status === '204' || Object.keys(response.content).length > 0)
    }
  }
  const refs = [
    ...valuesOf(document, '$ref'),
    ...valuesOf(document, 'mapping').flatMap((map) => Object.values(map as object)),
  ]
  const schemas = Object.keys(document.components.schemas)
  for (const ref of refs)
    assert.ok(schemas.includes(/^#\/components\/schemas\/(\w+)$/.exec(ref as string)?.[1] ?? ''), `${ref}`)
  assert.deepEqual(
    schemas.filter((name) => !refs.includes(`#/components/schemas/${name}`)),
    [],
    'unused',
  )
  for (const name of schemas) assert.throws(() => check(name, 42), assert.AssertionError, 'it compiles')
})

const PROGRAM_ROUTES = [
  '/ag-ui',
  '/api/chat',
  '/api/chat/{id}/stream',
  '/v1/chat/completions',
  '/v1/models',
  '/v1/models/{id}',
  '/v1/program',
  '/v1/programs',
  '/v1/programs/parallel-composer',
  '/v1/programs/parallel-composer/runs',
  '/v1/programs/parallel-composer/stream',
  '/v1/responses',
  '/v1/runs',
  '/v1/runs/{id}',
  '/v1/runs/{id}/cancel',
  '/v1/runs/{id}/stream',
  '/v1/stream',
]

test('every route is in the document or is there for people, and every path in it is a route', async (t) => {
  const { service, document } = await setUp(t)
  assert.deepEqual(Object.keys(document.paths).sort(), ['/livez', '/readyz', ...PROGRAM_ROUTES].sort())
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const method of Object.keys(operations)) {
      const response = await fetch(`${service.url}${path}`, { method: method.toUpperCase() })
      const isDocument = response.headers.get('content-type')?.includes('json') ?? false
      const { code } = !response.ok && isDocument ? ((await response.json()) as { code?: string }) : {}
      assert.ok(code !== 'not_found' && code !== 'method_not_allowed', `${method} ${path}: ${code}`)
    }
  }
})

test('with keys, the routes that want one say so, and so they do', async (t) => {
  const service = await Service.start(t, { env: { API_KEYS: 'web=0123456789' } })
  const document = await documentOf(service, { authorization: 'Bearer 0123456789' })
  const { type, scheme } = document.components.securitySchemes.bearerAuth ?? {}
  assert.deepEqual([type, scheme], ['http', 'bearer'])
  const secured: string[] = []
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, { security, responses }] of Object.entries(operations)) {
      const { status } = await fetch(`${service.url}${path}`, { method: method.toUpperCase() })
      assert.equal(status === 401, security !== undefined, path)
      assert.equal('401' in responses, security !== undefined, path)
      if (security && !secured.includes(path)) secured.push(path)
      if (security) assert.deepEqual(security, [{ bearerAuth: [] }])
    }
  }
  assert.deepEqual(secured.sort(), PROGRAM_ROUTES)
  checker(document)('Problem', await (await fetch(`${service.url}/v1/program`)).json())

  const open = await documentOf(await Service.start(t))
  assert.deepEqual(valuesOf(open, 'security'), [])
})

test('the frames of real runs are frames of the document', async (t) => {
  const { service, check } = await setUp(t)
  const include = ['reasoning', 'usage']
  const seen = new Set<string>()
  const ask = async (of = service) => {
    for (const frame of await of.ask('Q', { include })) {
      check('Frame', frame)
      check(`${frame.type[0]?.toUpperCase()}${frame.type.slice(1)}Frame`, frame)
      seen.add(frame.type)
    }
  }
  await ask()
  service.upstream.script = only('answer', (exchange) =>
    exchange.open().deltas('[[ ## answer ## ]]\nCut').finish('length'),
  )
  await ask()
  service.upstream.script = (exchange) => exchange.refuse(429, undefined, { 'retry-after': '120' })
  await ask()
  const retelling = await Service.start(t, { program: retold, script: tooLong })
  retelling.upstream.request(2).then((second) => second.answer({ reasoning: '', answer: 'brief' }))
  await ask(retelling)
  assert.deepEqual([...seen].sort(), ['error', 'prediction', 'reset', 'status', 'token', 'usage'])
  assert.throws(() => check('Frame', { type: 'token', field: 'answer' }), assert.AssertionError)
  await service.assertQuiet('ok', 'ok', 'upstream_rate_limited')
})

test('every example is what the service would send: a whole stream, and problems with their status', async (t) => {
  const service = await Service.start(t, { env: { API_KEYS: 'web=0123456789' } })
  const headers = { authorization: 'Bearer 0123456789' }
  const document = await documentOf(service, headers)
  const check = checker(document)
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation })),
  )
  for (const { path, operation } of operations) {
    for (const [status, { content }] of Object.entries(operation.responses)) {
      for (const [type, { schema, example }] of Object.entries(content ?? {})) {
        const name = schema.$ref.split('/').at(-1) as string
        if (type === 'text/event-stream' && name !== 'Frame') {
          for (const [, data] of (example as string).matchAll(/^data: (\{.*)$/gm))
            check(name, JSON.parse(data as string))
        } else if (type === 'text/event-stream') {
          const frames = await new Reading(new Response(example as string)).frames()
          for (const frame of frames) check(name, frame)
        } else check(name, example)
        if (name.endsWith('Problem')) assert.equal((example as { status: number }).status, Number(status))
      }
    }
    const asked = operation.requestBody?.content['application/json']
    if (!asked?.example) continue // of `/v1/runs`, whose answer is no stream
    check(asked.schema.$ref.split('/').at(-1) as string, asked.example)
    const answer = await fetch(`${service.url}${path}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(asked.example),
    })
    assert.equal(answer.status, 200)
    const { content } = operation.responses['200'] ?? assert.fail()
    const whole = content['application/json']
    if (whole) check(whole.schema.$ref.split('/').at(-1) as string, await answer.json())
    else if (content['text/event-stream']?.schema.$ref.endsWith('/Frame')) await new Reading(answer).frames()
    else await answer.text()
  }
  const { example } = document.paths['/v1/program']?.get?.responses['200']?.content['application/json'] ?? {}
  assert.deepEqual(example, await (await fetch(`${service.url}/v1/program`, { headers })).json())

  const problems = document.paths['/v1/stream']?.post?.responses
  const text = await fetch(`${service.url}/v1/stream`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'text/plain' },
    body: 'Q',
  })
  for (const answer of [text, await fetch(`${service.url}/v1/program`)]) {
    const { request_id: _, ...body } = await answer.json()
    const { content } = problems?.[answer.status] ?? assert.fail()
    const { example: problem } = content['application/problem+json'] ?? assert.fail()
    const { request_id: __, ...said } = problem as ProblemBody
    assert.deepEqual(said, body)
  }
})

test('what is asked and answered beside the stream is as the document says', async (t) => {
  const { service, document, check } = await setUp(t)
  check('Question', { question: 'Q', include: ['usage'] })
  for (const wrong of [
    {},
    { question: '' },
    { question: 'Q', model: 'm' },
    { question: 'Q', include: ['x'] },
  ]) {
    assert.throws(() => check('Question', wrong), assert.AssertionError)
    const response = await postBody(service, JSON.stringify(wrong))
    assert.equal(response.status, 400)
    check('Problem', await response.json())
  }
  for (const path of ['/livez', '/readyz', '/v1/program']) {
    const response = await fetch(`${service.url}${path}`)
    assert.equal(response.status, 200)
    const { schema } = document.paths[path]?.get?.responses['200']?.content['application/json'] ?? {}
    check(schema?.$ref.split('/').at(-1) as string, await response.json())
  }
})

test('/livez says that the process serves, /readyz that it can answer and with which model', async (t) => {
  const service = await Service.start(t, { env: { OPENAI_MODEL: 'some-model' } })
  const read = async (path: string) => {
    const response = await fetch(`${service.url}${path}`)
    return [response.status, await response.json()]
  }
  assert.deepEqual(await read('/livez'), [200, { status: 'ok' }])
  assert.deepEqual(await read('/readyz'), [
    200,
    { status: 'ready', model: { provider: 'openai', name: 'some-model' } },
  ])
  const drained = service.runs.drain(0)
  assert.equal((await read('/readyz'))[0], 503)
  assert.equal((await read('/livez'))[0], 200)
  await drained
})

test('/docs is a page that needs no other host', async (t) => {
  const service = await Service.start(t)
  const page = await fetch(`${service.url}/docs`)
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
  const html = await page.text()
  const links = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1] as string)
  assert.ok(links.length > 0)
  for (const link of links) {
    const url = new URL(link, page.url)
    assert.equal(url.origin, service.url, `${link} leads elsewhere`)
    assert.equal((await fetch(url)).status, 200, link)
  }
  const script = await fetch(`${service.url}/docs/static/swagger-initializer.js`)
  assert.match(
    await script.text(),
    /validatorUrl: null/,
    'the page would have another host check the document',
  )
})
