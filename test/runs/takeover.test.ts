/** What is left of a run when the process that owns it dies, stalls or is told to stop. */
import assert from 'node:assert/strict'
import test, { after, type TestContext } from 'node:test'
import { Redis } from '../support/redis.ts'
import { cancel, fold, RunReader, stateOf } from '../support/run-reader.ts'
import { ServerProcess } from '../support/server-process.ts'
import { type Exchange, echo, type Script, Upstream } from '../support/upstream.ts'

const redis = await Redis.start({ after })

const BEGUN = '[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\n'
const COMPLETED = '\n\n[[ ## completed ## ]]'

/** Two instances with the same upstream and the same Redis. */
async function instances(t: TestContext, script: Script, env: Record<string, string> = {}) {
  const upstream = await Upstream.start(script)
  t.after(() => upstream.close())
  const all = { OPENAI_BASE_URL: upstream.url, REDIS_URL: redis.url, RUN_LEASE_MS: '1000', ...env }
  const start = () => ServerProcess.start(t, all)
  const [owner, other] = await Promise.all([start(), start()])
  return { upstream, owner, other, start }
}

/** The requests for each field, in the order in which they came. */
class Asked {
  readonly #exchanges: Exchange[] = []
  readonly #waiting = new Map<string, (exchange: Exchange) => void>()
  readonly #held: readonly string[]

  /** @param held fields that the test answers itself; the others are echoed */
  constructor(...held: string[]) {
    this.#held = held
  }

  readonly script: Script = (exchange, upstream) => {
    this.#exchanges.push(exchange)
    if (!this.#held.includes(exchange.field)) {
      echo(exchange, upstream)
      return
    }
    exchange.open()
    this.#waiting.get(`${exchange.field} ${this.count(exchange.field)}`)?.(exchange)
  }

  count(field: string): number {
    return this.#exchanges.filter((one) => one.field === field).length
  }

  /** The nth request for a field, once it has come. */
  async nth(field: string, nth: number): Promise<Exchange> {
    const there = this.#exchanges.filter((one) => one.field === field)[nth - 1]
    if (there) return there
    return new Promise((resolve) => this.#waiting.set(`${field} ${nth}`, resolve))
  }
}

/** Reads on elsewhere, with what a reader has. */
async function readOn(url: string, reader: RunReader): Promise<RunReader> {
  return RunReader.get(url, reader.id, reader.lastId)
}

const WHOLE = (answer: string) => ({
  lanes: {
    'compose#1 answer': answer,
    'evidence.probe#1 evidence': 'evidence on Why?',
    'ideas.brainstorm#1 brainstorm': 'brainstorm on Why?',
  },
  end: { reasoning: 'r', answer },
})

test('the owner is killed in the middle of the answer: another goes on, and pays for no finished call again', async (t) => {
  const asked = new Asked('answer')
  const { owner, other } = await instances(t, asked.script)
  const first = await RunReader.post(owner.url, { question: 'Why?' })
  const exchange = await asked.nth('answer', 1)
  const remote = await RunReader.get(other.url, first.id)
  exchange.delta(`${BEGUN}never to be`)
  await Promise.all([first.until('never to be'), remote.until('never to be')])
  owner.child.kill('SIGKILL')
  await exchange.closed
  const second = await asked.nth('answer', 2)
  second.delta(`${BEGUN}at last`).delta(COMPLETED).finish()
  const rest = await readOn(other.url, first)
  assert.ok(await rest.until())
  assert.ok(await remote.until())
  assert.deepEqual(fold([...first.frames, ...rest.frames]), WHOLE('at last'))
  assert.deepEqual(fold(remote.frames), WHOLE('at last'))
  const reset = rest.frames[0]
  assert.deepEqual(reset?.type === 'reset' && reset.keep.map(({ predictor }) => predictor).sort(), [
    'evidence.probe',
    'ideas.brainstorm',
  ])
  assert.deepEqual(
    ['brainstorm', 'evidence', 'answer'].map((field) => asked.count(field)),
    [1, 1, 2],
  )
  assert.equal((await stateOf(other.url, first.id)).attempt, 2)
})

test('the owner is killed while both branches write: both begin anew', async (t) => {
  const asked = new Asked('brainstorm', 'evidence', 'answer')
  const { owner, other } = await instances(t, asked.script)
  const first = await RunReader.post(owner.url, { question: 'Why?' })
  const ideas = await asked.nth('brainstorm', 1)
  ideas.delta('[[ ## reasoning ## ]]\nr\n\n[[ ## brainstorm ## ]]\nlost')
  await first.until('"lost"')
  owner.child.kill('SIGKILL')
  const finish = async (field: string, nth: number, text: string) =>
    (await asked.nth(field, nth))
      .delta(`[[ ## reasoning ## ]]\nr\n\n[[ ## ${field} ## ]]\n${text}${COMPLETED}`)
      .finish()
  await Promise.all([finish('brainstorm', 2, 'i'), finish('evidence', 2, 'e'), finish('answer', 1, 'a')])
  const rest = await readOn(other.url, first)
  assert.ok(await rest.until())
  assert.deepEqual(fold([...first.frames, ...rest.frames]).lanes, {
    'compose#1 answer': 'a',
    'evidence.probe#1 evidence': 'e',
    'ideas.brainstorm#1 brainstorm': 'i',
  })
})

test('the owner is killed twice over: a third goes on, and none after it', async (t) => {
  const asked = new Asked('answer')
  const { owner, other, start } = await instances(t, asked.script)
  const [third, fourth] = await Promise.all([start(), start()])
  const all = [owner, other, third, fourth]
  const first = await RunReader.post(owner.url, { question: 'Why?' })
  for (const nth of [1, 2, 3]) {
    const exchange = await asked.nth('answer', nth)
    // Whichever of them has the request open owns the run.
    const owning = await ownerOf(exchange, all)
    owning.child.kill('SIGKILL')
    await owning.exit
    all.splice(all.indexOf(owning), 1)
  }
  const [last] = all
  const rest = await RunReader.get(last?.url as string, first.id, first.lastId)
  assert.ok(await rest.until())
  assert.equal(fold(rest.frames).end, 'run_lost')
  assert.equal(asked.count('brainstorm'), 1)
})

/** The process that has this connection to the upstream: the one whose log names the run last. */
async function ownerOf(exchange: Exchange, all: readonly ServerProcess[]): Promise<ServerProcess> {
  const { readlinkSync, readdirSync, readFileSync } = await import('node:fs')
  const port = exchange.response.socket?.remotePort as number
  const inHex = port.toString(16).toUpperCase().padStart(4, '0')
  for (const server of all) {
    const { pid } = server.child
    const inode = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find(([, local]) => local?.endsWith(`:${inHex}`))?.[9]
    const own = readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`
      } catch {
        return false
      }
    })
    if (own) return server
  }
  return assert.fail('nobody has the connection')
}

test('an owner that was stopped for longer than its lease finds that it is one no more', async (t) => {
  const asked = new Asked('answer')
  const { owner, other } = await instances(t, asked.script)
  const first = await RunReader.post(owner.url, { question: 'Why?' })
  const exchange = await asked.nth('answer', 1)
  exchange.delta(`${BEGUN}stale`)
  await first.until('stale')
  owner.child.kill('SIGSTOP')
  const second = await asked.nth('answer', 2)
  exchange.delta(' and late')
  owner.child.kill('SIGCONT')
  await exchange.closed // the owner that was has let go
  assert.ok(exchange.wasAborted)
  second.delta(`${BEGUN}fresh`).delta(COMPLETED).finish()
  assert.ok(await first.until(), 'its reader goes on reading where it is')
  assert.deepEqual(fold(first.frames), WHOLE('fresh'))
  const whole = await RunReader.get(other.url, first.id)
  await whole.until()
  assert.deepEqual(fold(whole.frames), WHOLE('fresh'))
})

test('an instance that is told to stop hands over what it can’t finish, and its readers go on elsewhere', async (t) => {
  const asked = new Asked('answer')
  const { owner, other } = await instances(t, asked.script, { DRAIN_MS: '100', RUN_LEASE_MS: '60000' })
  const first = await RunReader.post(owner.url, { question: 'Why?' })
  const exchange = await asked.nth('answer', 1)
  exchange.delta(`${BEGUN}begun`)
  await first.until('begun')
  owner.child.kill('SIGTERM')
  assert.equal(await first.until(), true)
  assert.ok(!first.isOver, 'a run that goes on has no [DONE]')
  // Long before the lease is over.
  const second = await asked.nth('answer', 2)
  second.delta(`${BEGUN}done`).delta(COMPLETED).finish()
  const rest = await readOn(other.url, first)
  assert.ok(await rest.until())
  assert.deepEqual(fold([...first.frames, ...rest.frames]), WHOLE('done'))
  assert.deepEqual((await owner.exit).code, 0)
})

test('an instance that is told to stop finishes what it can', async (t) => {
  const asked = new Asked('answer')
  const { owner, other } = await instances(t, asked.script)
  const first = await RunReader.post(owner.url, { question: 'Why?' })
  const exchange = await asked.nth('answer', 1)
  owner.child.kill('SIGTERM')
  await owner.logs('draining')
  exchange.delta(`${BEGUN}done`).delta(COMPLETED).finish()
  assert.ok(await first.until())
  assert.deepEqual(fold(first.frames), WHOLE('done'))
  assert.equal((await owner.exit).code, 0)
  assert.equal((await stateOf(other.url, first.id)).attempt, 1)
})

test('a run whose owner is dead can be cancelled at once', async (t) => {
  const asked = new Asked('answer')
  const { owner, other } = await instances(t, asked.script, { RUN_LEASE_MS: '60000' })
  const first = await RunReader.post(owner.url, { question: 'Why?' })
  await asked.nth('answer', 1)
  const remote = await RunReader.get(other.url, first.id)
  owner.child.kill('SIGKILL')
  await owner.exit
  const state = (await (await cancel(other.url, first.id)).json()) as { status: string }
  assert.equal(state.status, 'cancelled')
  assert.ok(await remote.until())
  assert.equal(fold(remote.frames).end, 'cancelled')
})

test('nothing is left behind: no lease, no key that stays, no consumer', async (t) => {
  await redis.command('FLUSHALL')
  const { owner, other } = await instances(t, echo)
  const runs = await Promise.all(
    [owner, other, owner].map(({ url }) => RunReader.post(url, { question: 'Why?' })),
  )
  for (const run of runs) assert.ok(await run.until())
  for (const server of [owner, other]) {
    server.child.kill('SIGTERM')
    await server.assertEndsWell()
  }
  const keys = (await redis.command('KEYS', '*')).split('\n').filter((key) => key !== '')
  assert.ok(keys.length >= 5, String(keys))
  // Some go in this very moment.
  for (const key of keys) assert.notEqual(await redis.command('PTTL', key), '-1', key)
  const work = keys.filter((key) => key.includes(':work:'))
  assert.equal(work.length, 1)
  assert.equal(await redis.command('XLEN', work[0] as string), '0')
  assert.equal(await redis.command('XINFO', 'CONSUMERS', work[0] as string, 'owners'), '')
})
