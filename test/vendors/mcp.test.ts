/** `POST /mcp`, asked by the client of the protocol's own SDK. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { CallToolResult, Progress } from '@modelcontextprotocol/sdk/types.js'
import fc from 'fast-check'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import { oneCall } from '../support/programs.ts'
import { assertNothingRan } from '../support/refusals.ts'
import { Service } from '../support/service.ts'
import { echo, type Script } from '../support/upstream.ts'

const counting = program(
  'text: str, limit: Optional[int] -> counts: list[int], note: Optional[str]',
  { count: predict('text: str, limit: Optional[int] -> counts: list[int], note: Optional[str]') },
  async ({ count }, inputs) => count(inputs),
  { description: 'Counts.' },
)

const silent: Script = () => {}

async function connect(t: TestContext, { url }: Service, headers: Record<string, string> = {}) {
  const client = new Client({ name: 'test', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', url), { requestInit: { headers } })
  // The SDK's own class isn't assignable to its own interface under exact optional types.
  await client.connect(transport as never)
  t.after(() => client.close())
  return client
}

const textIn = ({ content }: CallToolResult) =>
  content.map((part) => (part.type === 'text' ? part.text : assert.fail())).join('\n')

const call = async (client: Client, args: object, name = 'parallel-composer', options: object = {}) =>
  (await client.callTool(
    { name, arguments: args as Record<string, unknown> },
    undefined,
    options,
  )) as CallToolResult

test('a tool for each program, with its inputs and outputs', async (t) => {
  const service = await Service.start(t, { others: { counting } })
  const client = await connect(t, service)
  assert.equal(client.getServerVersion()?.name, 'tributary')
  await client.ping()
  const { tools } = await client.listTools()
  const described = await (await fetch(`${service.url}/v1/programs`)).json()
  assert.deepEqual(
    tools.map(({ name, inputSchema, outputSchema }) => ({ name, inputSchema, outputSchema })),
    described.programs.map((one: Record<string, unknown>) => ({
      name: one.name,
      inputSchema: one.inputs,
      outputSchema: one.outputs,
    })),
  )
  assert.equal(tools[1]?.description, 'Counts.')
  await assertNothingRan(service)
})

test('a call gives the prediction, for programs and for models, and progress on the way', async (t) => {
  const service = await Service.start(t)
  const client = await connect(t, service)
  await client.listTools() // now it checks results against their schemas
  const progress: Progress[] = []
  const result = await call(client, { question: 'why' }, undefined, {
    onprogress: (one: Progress) => progress.push(one),
  })
  assert.equal(textIn(result), 'answer on why')
  assert.deepEqual(result.structuredContent, { reasoning: 'reasoning on why', answer: 'answer on why' })
  assert.deepEqual(
    progress.map(({ progress }) => progress),
    [1, 2, 3, 4],
  )
  assert.deepEqual(progress.map(({ message }) => message).sort(), [
    'Evidence ready.',
    'Ideas ready.',
    'Pulling evidence...',
    'Spinning ideas...',
  ])
  await service.assertQuiet('ok')
})

test('any text comes through as it is, of calls side by side', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const client = await connect(t, service)
  await client.listTools()
  const questions = fc.sample(
    fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter((text) => text.trim() === text && text !== ''),
    20,
  )
  service.upstream.script = (exchange) => {
    const nth = Number(exchange.input('question'))
    exchange.answer({ reasoning: '', answer: questions[nth] as string }, 3)
  }
  const results = await Promise.all(
    questions.map((_, nth) => call(client, { question: String(nth) }, 'program')),
  )
  assert.deepEqual(results.map(textIn), questions)
  await service.assertQuiet(...questions.map(() => 'ok'))
})

test('typed inputs and outputs, and what is wrong with them', async (t) => {
  const service = await Service.start(t, {
    program: counting,
    script: (exchange) => exchange.answer({ counts: '[1, 2]', note: 'null' }),
  })
  const client = await connect(t, service)
  await client.listTools()
  const result = await call(client, { text: 'ACME', limit: 3 }, 'program')
  assert.deepEqual(result.structuredContent, { counts: [1, 2], note: null })
  assert.deepEqual(JSON.parse(textIn(result)), result.structuredContent)
  for (const [wrong, about] of [
    [{}, /text/],
    [{ text: 'ACME', limit: 'x' }, /limit/],
    [{ text: 'ACME', include: ['usage'] }, /include/],
  ] as const) {
    const refused = await call(client, wrong, 'program')
    assert.ok(refused.isError)
    assert.match(textIn(refused), about)
  }
  await assert.rejects(call(client, {}, 'no-such'), /-32602.*There is no tool no-such/)
  await service.assertQuiet('ok')
})

test('a run that fails is a result that says so', async (t) => {
  const service = await Service.start(t, { script: (exchange) => exchange.refuse(401) })
  const client = await connect(t, service)
  await client.listTools()
  const result = await call(client, { question: 'Q' })
  assert.ok(result.isError)
  assert.equal(textIn(result), "The model's endpoint refused the service's key.")
  assert.match(JSON.stringify(result._meta?.['tributary/error']), /"code":"upstream_auth"/)
  await service.assertQuiet('upstream_auth')
})

test('an answer that was cut says so', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: (exchange) => exchange.open().deltas('[[ ## answer ## ]]\nCut').finish('length'),
  })
  const result = await call(await connect(t, service), { question: 'Q' }, 'program')
  assert.match(textIn(result), /^Cut\n.*token limit: answerer/)
  assert.deepEqual(result._meta, { 'tributary/truncated': ['answerer'] })
})

test('aborting a call ends its run, and no other client’s of the same number', async (t) => {
  const service = await Service.start(t, { program: oneCall, script: silent })
  const [one, other] = [await connect(t, service), await connect(t, service)]
  const left = new AbortController()
  const aborted = call(one, { question: 'Q' }, 'program', { signal: left.signal })
  const going = call(other, { question: 'R' }, 'program') // it counts its requests like the first
  const [first, second] = [await service.upstream.request(0), await service.upstream.request(1)]
  const [ending, staying] = first.input('question') === 'Q' ? [first, second] : [second, first]
  left.abort()
  await assert.rejects(aborted)
  await ending.closed
  assert.ok(ending.wasAborted && staying.isOpen)
  echo(staying, service.upstream)
  assert.equal(textIn(await going), 'answer on R')
  await service.assertQuiet('cancelled', 'ok')
})

test('closing the client ends its runs', async (t) => {
  const service = await Service.start(t, { script: silent })
  const client = await connect(t, service)
  const running = call(client, { question: 'Q' })
  await service.upstream.request(1)
  await Promise.all([client.close(), assert.rejects(running)])
  await service.assertQuiet('client_closed')
})

test('over MAX_STREAMS a call is told so, and keys are asked for', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: silent,
    env: { MAX_STREAMS: '1', API_KEYS: 'web=0123456789' },
  })
  await assert.rejects(connect(t, service), /401|authorization: Bearer/)
  const client = await connect(t, service, { authorization: 'Bearer 0123456789' })
  const first = call(client, { question: 'Q' }, 'program')
  const exchange = await service.upstream.request(0)
  const refused = await call(client, { question: 'Q' }, 'program')
  assert.ok(refused.isError)
  assert.match(textIn(refused), /limit of open streams.*5 seconds/)
  exchange.answer({ reasoning: '', answer: 'Yes.' })
  assert.equal(textIn(await first), 'Yes.')
  const [line] = await service.assertQuiet('ok')
  assert.equal(line?.client, 'web')
})

const EXAMPLE = new URL('../../examples/clients/mcp/', import.meta.url)

test('the example calls a program, and says what happens on the way', async (t) => {
  const service = await Service.start(t)
  // As in a project that has the package.
  const folder = await mkdtemp(join(tmpdir(), 'tributary-mcp-'))
  t.after(() => rm(folder, { recursive: true }))
  await symlink(fileURLToPath(new URL('node_modules', import.meta.url)), join(folder, 'node_modules'))
  const program = join(folder, 'call.mts')
  await cp(new URL('call.ts', EXAMPLE), program)
  const ask = () =>
    promisify(execFile)(process.execPath, [program, 'Why?'], {
      env: { ...process.env, TRIBUTARY_URL: service.url },
    })
  const { stdout } = await ask()
  const [tools, ...rest] = stdout.trim().split('\n')
  assert.equal(tools, 'tools: parallel-composer')
  assert.equal(rest.pop(), "answer: { reasoning: 'reasoning on Why?', answer: 'answer on Why?' }")
  assert.deepEqual(rest.sort(), [
    'Evidence ready.',
    'Ideas ready.',
    'Pulling evidence...',
    'Spinning ideas...',
  ])
  service.upstream.script = (exchange) => exchange.refuse(401)
  assert.match((await ask()).stdout, /failed: .*refused the service's key/s)
  await service.assertQuiet('ok', 'upstream_auth')
})

test('the settings for agents and editors are JSON with the address of the route', async () => {
  const readme = await readFile(new URL('README.md', EXAMPLE), 'utf8')
  const settings = [...readme.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) =>
    JSON.parse(text as string),
  )
  assert.equal(settings.length, 4)
  for (const one of settings) {
    const { tributary } = one.mcpServers ?? one.servers
    assert.equal(tributary.url ?? tributary.args[2], 'http://127.0.0.1:8000/mcp')
  }
})
