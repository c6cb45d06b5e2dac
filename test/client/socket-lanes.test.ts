/** What clients make of a run over a real WebSocket: the typed client, and one that does it all itself. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import websocket, { type WebsocketHandler } from '@fastify/websocket'
import fc from 'fast-check'
import Fastify from 'fastify'
import { Channel } from '../../src/async/channel.ts'
import {
  type Frame,
  IncompleteStreamError,
  type RunState,
  reduceRun,
  startRun,
  streamRun,
} from '../../src/client/index.ts'
import { type MessageSocket, sendToSocket } from '../../src/wire/socket-frames.ts'
import { retold } from '../support/interleaved.ts'
import { fold } from '../support/run-reader.ts'
import { text } from '../support/service.ts'
import { SocketReading } from '../support/socket.ts'
import { batches, batchSizes } from '../support/told-run.ts'

type Told = {
  readonly frames: readonly Frame[]
  readonly sizes: readonly number[]
  /** How many messages there are before the connection breaks, where it does. */
  readonly cutAfter?: number
}

/** A server that answers a question with the run of that name. */
async function serve(t: TestContext): Promise<{ url: string; runs: Map<string, Told> }> {
  const runs = new Map<string, Told>()
  const app = Fastify()
  await app.register(websocket)
  const answer: WebsocketHandler = async (socket, { raw }) => {
    const [message] = await once(socket, 'message')
    const told = runs.get(JSON.parse(String(message)).question) ?? assert.fail('an unknown question')
    if (told.cutAfter === 0) return socket.terminate()
    let count = 0
    const cut: MessageSocket = {
      ping: () => socket.ping(),
      once: (event, listener) => socket.once(event, listener),
      send: (text, taken) =>
        socket.send(text, (error) => {
          if (++count === told.cutAfter) socket.terminate()
          taken?.(error)
        }),
    }
    const frames = new Channel<Frame>(1_000, () => 1)
    sendToSocket(told.cutAfter === undefined ? socket : cut, raw.socket, frames, {
      heartbeatMs: 1,
      onSent: () => socket.close(1000),
      onLost() {},
    })
    for (const batch of batches(told.frames.slice(0, told.cutAfter), told.sizes)) {
      frames.push(batch)
      await turn()
    }
    if (told.cutAfter === undefined) frames.close()
  }
  app.get('/v1/ws', { websocket: true }, answer)
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => app.close())
  return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, runs }
}

type Texts = Record<string, string>

/** The text of each lane that has any, by what its frames say. */
function toldBy(frames: readonly Frame[]): Texts {
  const lanes = frames.flatMap((one) => (one.type === 'token' ? [one] : []))
  return withText(
    lanes.map(({ predictor, field, call }) => [
      `${predictor}#${call ?? 1} ${field}`,
      text(frames, predictor, field, call),
    ]),
  )
}

const heldBy = ({ lanes }: RunState): Texts =>
  withText(
    lanes.flatMap(({ predictor, call, fields }) =>
      Object.entries(fields).map(([field, { text }]) => [`${predictor}#${call} ${field}`, text] as const),
    ),
  )

const withText = (lanes: readonly (readonly [string, string])[]): Texts =>
  Object.fromEntries(lanes.filter(([, text]) => text !== '').sort(([one], [other]) => (one < other ? -1 : 1)))

const asSent = (frames: readonly Frame[]): Frame[] => JSON.parse(JSON.stringify(frames))

/** Reads with the typed client, to the end or to what is thrown. */
async function readTyped(url: string, question: string) {
  const frames: Frame[] = []
  let state = startRun({ predictors: [] }, 0)
  try {
    for await (const frame of streamRun({ url, question, transport: 'websocket' })) {
      frames.push(frame)
      state = reduceRun(state, frame, 0)
    }
    return { frames, state, thrown: undefined }
  } catch (thrown) {
    return { frames, state, thrown }
  }
}

test('for any run, what clients have of each lane is its text, and how it ended', async (t) => {
  const { url, runs } = await serve(t)
  await fc.assert(
    fc.asyncProperty(retold, batchSizes, async (frames, sizes) => {
      const name = String(runs.size)
      runs.set(name, { frames, sizes })
      const [typed, raw] = await Promise.all([
        readTyped(url, name),
        SocketReading.open({ url }, [{ question: name }]),
      ])
      assert.equal(typed.thrown, undefined)
      assert.deepEqual(typed.frames, asSent(frames))
      assert.deepEqual(heldBy(typed.state), toldBy(frames))
      const end = frames.at(-1) as Frame
      assert.equal(typed.state.phase, end.type === 'prediction' ? 'done' : 'failed')
      if (end.type === 'prediction') {
        const { data, truncated = [], degraded = [] } = end
        assert.deepEqual(typed.state.prediction, data)
        assert.deepEqual([typed.state.truncated, typed.state.degraded], [truncated, degraded])
      } else {
        assert.deepEqual(typed.state.error, end)
      }

      assert.equal((await raw.closed).code, 1000)
      const { lanes, end: last } = fold(raw.messages.map((message) => JSON.parse(message)))
      assert.deepEqual(withText(Object.entries(lanes)), toldBy(frames))
      assert.deepEqual(last, end.type === 'prediction' ? end.data : 'upstream_error')
    }),
    { numRuns: 60 },
  )
})

test('cut after any message, a run is incomplete, and what came before is there', async (t) => {
  const { url, runs } = await serve(t)
  const token = { type: 'token', predictor: 'ideas.brainstorm', field: 'brainstorm', is_last: false } as const
  const frames: Frame[] = [
    { type: 'status', message: 'On it.', module: 'ideas', phase: 'start' },
    { ...token, chunk: '' },
    { ...token, chunk: 'One\u2028' },
    { ...token, predictor: 'compose', field: 'answer', chunk: '😀' },
    { type: 'reset', keep: [{ predictor: 'compose', call: 1 }], message: 'Not that.' },
    { ...token, chunk: 'Two', is_last: true },
    { ...token, predictor: 'compose', field: 'answer', chunk: '', is_last: true },
    { type: 'prediction', data: { answer: '😀' } },
  ]
  for (let cutAfter = 0; cutAfter <= frames.length; cutAfter++) {
    const name = String(cutAfter)
    runs.set(name, { frames, sizes: [2], cutAfter })
    const read = await readTyped(url, name)
    const came = frames.slice(0, cutAfter)
    assert.deepEqual(read.frames, came)
    assert.deepEqual(heldBy(read.state), toldBy(came))
    if (cutAfter === frames.length) assert.equal(read.thrown, undefined)
    else assert.ok(read.thrown instanceof IncompleteStreamError, name)
  }
})
