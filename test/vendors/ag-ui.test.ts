/** AG-UI's own agents, of 1.0 and of 0.0.59, and CopilotKit's runtime, against the real service. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { HttpAgent as Agent1 } from '@ag-ui/client'
import { HttpAgent as Agent0 } from 'ag-ui-client-0'
import fc from 'fast-check'
import { module, predict, program } from '../../src/index.ts'
import { Service } from '../support/service.ts'
import { type Exchange, only } from '../support/upstream.ts'

type Message = {
  readonly id: string
  readonly role: string
  readonly content?: unknown
  subagentRunId?: string
}

type Event = {
  readonly type: string
  readonly name?: string
  readonly value?: unknown
  readonly subagentRunId?: string
  readonly message?: string
  readonly code?: string
}

/** What the two have in common, whose types don't know of each other. */
type Agent = {
  messages: Message[]
  runAgent(input: object, subscriber: object): Promise<{ result: unknown }>
  abortRun(): void
}

type AgentClass = new (options: { url: string; headers?: object; initialMessages?: object[] }) => Agent

const VERSIONS = { '@ag-ui/client 1.0': Agent1, '@ag-ui/client 0.0.59': Agent0 } as unknown as Record<
  string,
  AgentClass
>

const ASKED = { id: 'u1', role: 'user', content: 'Why?' }

const agentOf = (Agent: AgentClass, { url }: { readonly url: string }, headers: object = {}) =>
  new Agent({ url: `${url}/ag-ui`, headers, initialMessages: [ASKED] })

/** Runs an agent, and takes note of what it hears. */
async function run(agent: Agent, runId = 'r1', onEvent: (event: Event) => void = () => {}) {
  const events: Event[] = []
  const { result } = await agent.runAgent(
    { runId },
    {
      onEvent({ event }: { event: Event }) {
        events.push(event)
        onEvent(event)
      },
    },
  )
  return { result, events }
}

/** Each lane's message, by its id without the run's. */
const lanesOf = ({ messages }: { readonly messages: readonly Message[] }, runId = 'r1') =>
  Object.fromEntries(
    messages.flatMap(({ id, role, content }) =>
      id.startsWith(`${runId}.`) ? [[id.slice(runId.length + 1), [role, content]]] : [],
    ),
  )

const LANES = {
  'ideas.brainstorm.reasoning.1': 'reasoning',
  'ideas.brainstorm.brainstorm.1': 'reasoning',
  'evidence.probe.reasoning.1': 'reasoning',
  'evidence.probe.evidence.1': 'reasoning',
  'compose.reasoning.1': 'reasoning',
  'compose.answer.1': 'assistant',
}

/** The lanes of a run in which each field has its text. */
const lanesWith = (texts: (field: string) => string) =>
  Object.fromEntries(
    Object.entries(LANES).map(([lane, role]) => [lane, [role, texts(lane.split('.').at(-2) as string)]]),
  )

const text = fc.string({
  unit: fc.constantFrom('a', ' ', '\n', '"', '\\', '😀', 'é', '\u2028', 'data: [DONE]\n\n', '"delta":""'),
})

/** Texts of fields, as a parser gives them. */
const texts = fc
  .record({ reasoning: text, brainstorm: text, evidence: text, answer: text })
  .map((values) => new Map(Object.entries(values).map(([field, value]) => [field, value.trim()])))

const writing =
  (of: ReadonlyMap<string, string>, size: number) =>
  (exchange: Exchange): void => {
    const written = exchange.fields.map((field) => [field, of.get(field) as string])
    exchange.answer(Object.fromEntries(written), size)
  }

/** What the clients say on the console is said here: an event that they don't know is a warning. */
function warningsOf(t: TestContext): unknown[] {
  const warnings: unknown[] = []
  t.mock.method(console, 'warn', (...words: unknown[]) => void warnings.push(words))
  return warnings
}

for (const [name, AgentClass] of Object.entries(VERSIONS)) {
  const isNew = AgentClass === VERSIONS['@ag-ui/client 1.0']

  test(`${name} assembles every lane, character for character`, async (t) => {
    const warnings = warningsOf(t)
    const service = await Service.start(t)
    const outcomes: string[] = []
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (of, size) => {
        service.upstream.script = writing(of, size)
        const agent = agentOf(AgentClass, service)
        const { result, events } = await run(agent)
        outcomes.push('ok')
        assert.deepEqual(
          lanesOf(agent),
          lanesWith((field) => of.get(field) as string),
        )
        assert.deepEqual(result, { reasoning: of.get('reasoning'), answer: of.get('answer') })
        const subagents = events.filter(({ type }) => type === 'SUBAGENT_STARTED').map(({ name }) => name)
        assert.deepEqual(subagents.sort(), isNew ? ['compose', 'evidence.probe', 'ideas.brainstorm'] : [])
        if (isNew) assert.equal(agent.messages.at(-1)?.subagentRunId, 'r1.compose.1')
      }),
      { numRuns: 15 },
    )
    assert.deepEqual(warnings, [])
    await service.assertQuiet(...outcomes)
  })

  test(`${name} hears of the error of a run, and keeps what was written before`, async (t) => {
    const service = await Service.start(t, { script: only('answer', (exchange) => exchange.refuse(401)) })
    const agent = agentOf(AgentClass, service)
    const { events } = await run(agent)
    const { code } = events.at(-1) ?? assert.fail()
    assert.deepEqual([events.at(-1)?.type, code], ['RUN_ERROR', 'upstream_auth'])
    const {
      'compose.reasoning.1': _,
      'compose.answer.1': __,
      ...branches
    } = lanesWith((field) => `${field} on Why?`)
    assert.deepEqual(lanesOf(agent), branches)
    await service.assertQuiet('upstream_auth')
  })

  test(`${name} hears of a branch that fails alone`, async (t) => {
    const warnings = warningsOf(t)
    const service = await Service.start(t, {
      program: program(
        {
          side: module({ note: predict('question -> note') }, { required: false }),
          main: predict('question -> answer'),
        },
        async ({ side, main }, { question }) => {
          await side.note({ question })
          return main({ question })
        },
      ),
      script: only('note', (exchange) => exchange.refuse(401)),
    })
    const agent = agentOf(AgentClass, service)
    const { result, events } = await run(agent)
    assert.deepEqual(result, { answer: 'answer on Why?' })
    const failures = events.filter(({ type }) => type === 'SUBAGENT_ERROR').map(({ code }) => code)
    assert.deepEqual(failures, isNew ? ['upstream_auth'] : [])
    assert.deepEqual(events.find(({ name }) => name === 'degraded')?.value, ['side'])
    assert.deepEqual(warnings, [])
    await service.assertQuiet('ok')
  })

  test(`${name} gets refusals, and stops a run by leaving it`, async (t) => {
    t.mock.method(console, 'error', () => {}) // where the client repeats what it throws
    const service = await Service.start(t, { env: { API_KEYS: 'web=0123456789' } })
    const authorization = 'Bearer 0123456789'
    const refused = { status: 401 }
    await assert.rejects(run(agentOf(AgentClass, service)), refused)
    const agent = agentOf(AgentClass, service, { authorization })
    await assert.rejects(run(agent, 'r'.repeat(129)), /HTTP 400: .*runId has 1 to 128 characters/)
    await assert.rejects(
      run(new AgentClass({ url: `${service.url}/ag-ui`, headers: { authorization } })),
      /HTTP 400/,
    )
    service.upstream.script = (exchange) => exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nso far`)
    await run(agent, 'r2', ({ type }) => {
      if (type === 'REASONING_MESSAGE_CONTENT') agent.abortRun()
    })
    await service.assertQuiet('client_closed')
    assert.ok(service.upstream.exchanges.every(({ wasAborted }) => wasAborted))
  })
}

test("CopilotKit's runtime passes the whole run on", async (t) => {
  process.env.COPILOTKIT_TELEMETRY_DISABLED = 'true' // before it is loaded
  const { CopilotRuntime, InMemoryAgentRunner } = await import('@copilotkit/runtime/v2')
  const { createCopilotNodeListener } = await import('@copilotkit/runtime/v2/node')
  const service = await Service.start(t, { env: { API_KEYS: 'web=0123456789' } })
  const listener = createCopilotNodeListener({
    runtime: new CopilotRuntime({
      agents: { default: new Agent0({ url: `${service.url}/ag-ui` }) as never },
      runner: new InMemoryAgentRunner(),
    }),
    basePath: '/copilot',
  })
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/copilot/agent/default/run`
  const Agent = Agent0 as unknown as AgentClass
  const outcomes: string[] = []
  await fc.assert(
    fc.asyncProperty(texts, fc.uuid(), async (of, runId) => {
      service.upstream.script = writing(of, 3)
      const headers = { authorization: 'Bearer 0123456789' }
      const agent = new Agent({ url, headers, initialMessages: [{ ...ASKED, id: `u-${runId}` }] })
      const { result } = await run(agent, runId)
      outcomes.push('ok')
      assert.deepEqual(
        lanesOf(agent, runId),
        lanesWith((field) => of.get(field) as string),
      )
      assert.deepEqual(result, { reasoning: of.get('reasoning'), answer: of.get('answer') })
    }),
    { numRuns: 10 },
  )
  await service.assertQuiet(...outcomes)
})

test('the example asks, and prints what each predictor wrote', async (t) => {
  const service = await Service.start(t)
  // As in a project that has the package.
  const folder = await mkdtemp(join(tmpdir(), 'tributary-ag-ui-'))
  t.after(() => rm(folder, { recursive: true }))
  await symlink(fileURLToPath(new URL('node_modules', import.meta.url)), join(folder, 'node_modules'))
  const program = join(folder, 'ask.mts')
  await cp(new URL('../../examples/clients/ag-ui/ask.ts', import.meta.url), program)
  const env = { ...process.env, TRIBUTARY_URL: service.url }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, 'Why stream?'], { env })
  const lines = stdout.trim().split('\n')
  assert.equal(stderr, '')
  assert.deepEqual(lines.slice(0, -1).sort(), [
    'compose: answer on Why stream?',
    'compose: reasoning on Why stream?',
    'evidence.probe: evidence on Why stream?',
    'evidence.probe: reasoning on Why stream?',
    'ideas.brainstorm: brainstorm on Why stream?',
    'ideas.brainstorm: reasoning on Why stream?',
  ])
  assert.deepEqual(JSON.parse(lines.at(-1) as string), {
    reasoning: 'reasoning on Why stream?',
    answer: 'answer on Why stream?',
  })
  await service.assertQuiet('ok')
})
