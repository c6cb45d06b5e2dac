/** The OpenAPI document is sound, and what the service really sends is what it says. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createRequire } from 'node:module'
import { type TestContext, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import type { ProblemBody } from '../../src/http/problem.ts'
import { oneCall, retold, tooLong } from '../support/programs.ts'
import { postBody } from '../support/refusals.ts'
import { Reading, Service } from '../support/service.ts'
import { SocketReading } from '../support/socket.ts'
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
      assert.match(status, /^(101|[2-5]\d\d)$/)
      assert.ok(response.description.length > 0)
      assert.ok(/^(101|20[24])$/.test(status) || Object.keys(response.content).length > 0)
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

/** What browsers are led to: the page, its files and the pages of this document. */
const FOR_PEOPLE =
  /^GET (\/|\/page\.(css|js|svg)|\/favicon\.ico|\/client(\.d\.ts|\.js)|\/runs\/\{id\}|\/openapi\.json|\/docs(\/.*)?)$/

/** The routes that a service really has, as the document would name them: methods with paths. */
async function routesOf(start: () => Promise<Service>): Promise<{ service: Service; routes: string[] }> {
  const routes: string[] = []
  const onApp = (message: unknown) => {
    const { fastify } = message as { readonly fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url }) => {
      const path = url.replaceAll(/:(\w+)/g, '{$1}')
      routes.push(...[method].flat().map((one) => `${one} ${path}`))
    })
  }
  subscribe('fastify.initialization', onApp)
  const service = await start()
  unsubscribe('fastify.initialization', onApp)
  return { service, routes }
}

test('every route is in the document or is there for people, and every path in it is a route', async (t) => {
  const others = { other: oneCall }
  const { service, routes } = await routesOf(() => Service.start(t, { others }))
  const document = await documentOf(service)
  const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  // Fastify makes a HEAD of each GET, and CORS has the one for OPTIONS.
  const asked = routes.filter((route) => !/^(HEAD|OPTIONS) /.test(route))
  assert.deepEqual(documented.sort(), asked.filter((route) => !FOR_PEOPLE.test(route)).sort())
  for (const route of documented) {
    const [method, path] = route.split(' ')
    const response = await fetch(`${service.url}${path}`, { method: method as string })
    const isDocument = response.headers.get('content-type')?.includes('json') ?? false
    const { code } = !response.ok && isDocument ? ((await response.json()) as { code?: string }) : {}
    assert.ok(code !== 'not_found' && code !== 'method_not_allowed', `${route}: ${code}`)
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
  const open = Object.keys(document.paths).filter((path) => !secured.includes(path))
  assert.deepEqual(open.sort(), ['/livez', '/readyz'])
  checker(document)('Problem', await (await fetch(`${service.url}/v1/program`)).json())

  const withoutKeys = await documentOf(await Service.start(t))
  assert.deepEqual(valuesOf(withoutKeys, 'security'), [])
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

test('what sockets and clients of MCP are sent is as the document says', async (t) => {
  const { service, document, check } = await setUp(t)
  check('SocketQuestion', { question: 'Q', include: ['usage'] })
  assert.throws(() => check('SocketQuestion', { question: 'Q', resumable: true }), assert.AssertionError)
  check('Cancel', { type: 'cancel' })
  const socket = await SocketReading.open(service, [{ question: 42 }])
  await socket.closed
  check('RefusalFrame', JSON.parse(socket.messages[0] as string))
  assert.throws(() => check('Frame', JSON.parse(socket.messages[0] as string)), assert.AssertionError)

  const call = (message: object, headers: Record<string, string> = {}) =>
    fetch(`${service.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(message),
    })
  const asked = { jsonrpc: '2.0', id: 1, method: 'tools/call' }
  const params = { name: 'parallel-composer', arguments: { question: 'Q' }, _meta: { progressToken: 'p' } }
  const events = await (await call({ ...asked, params }, { accept: 'text/event-stream' })).text()
  const sent = [...events.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data as string))
  assert.ok(sent.length > 1)
  for (const event of sent) check('McpEvent', event)
  check('McpAnswer', await (await call(asked)).json()) // it has no params
  const notice = { jsonrpc: '2.0', method: 'notifications/initialized' }
  assert.equal((await call(notice)).status, 202)

  const origin = 'https://evil.example'
  for (const [path, method, answer] of [
    ['/mcp', 'post', await call([])],
    ['/mcp', 'post', await call(notice, { origin })],
    ['/v1/ws', 'get', await fetch(`${service.url}/v1/ws`)],
    ['/v1/ws', 'get', await fetch(`${service.url}/v1/ws`, { headers: { origin } })],
  ] as const) {
    const { content = {} } = document.paths[path]?.[method]?.responses[answer.status] ?? {}
    const [said] = Object.values(content)
    assert.deepEqual(withoutIds(await answer.json()), withoutIds(said?.example))
  }
  await service.assertQuiet('ok')
})

const withoutIds = (body: unknown): unknown =>
  JSON.parse(JSON.stringify(body, (key, value) => (key === 'request_id' ? undefined : value)))

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
