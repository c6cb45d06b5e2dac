/** Failures of one branch, of both, and of compose; and an upstream that doesn't let go. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { oneCall } from '../support/programs.ts'
import { errorOf, Service, text } from '../support/service.ts'
import { echo, only } from '../support/upstream.ts'

test('U37 two branches that fail a millisecond apart make one error', async (t) => {
  const service = await Service.start(t, {
    script: async (exchange, upstream) => {
      exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nSo far`)
      await upstream.request(exchange.index | 1) // the other one of its pair
      if (exchange.field === 'evidence') await sleep(1)
      exchange.finish('error')
    },
  })
  for (let run = 1; run <= 10; run++) errorOf(await service.ask('Q'), 'upstream_error')
  await service.assertQuiet(...Array(10).fill('upstream_error'))
})

test('U38 a branch that fails after the other finished leaves its text, and compose is not asked', async (t) => {
  const ideasEnded = Promise.withResolvers<void>()
  const service = await Service.start(t, {
    script: only('evidence', async (exchange) => {
      await ideasEnded.promise
      exchange.refuse(401)
    }),
  })
  const reading = await service.open('Q')
  await reading.until('Ideas ready.')
  ideasEnded.resolve()
  const frames = await reading.frames()
  errorOf(frames, 'upstream_auth', 'evidence.probe')
  assert.equal(text(frames, 'ideas.brainstorm', 'brainstorm'), 'brainstorm on Q')
  await service.assertQuiet('upstream_auth')
  assert.deepEqual(service.upstream.exchanges.map(({ field }) => field).sort(), ['brainstorm', 'evidence'])
})

test('U39 a failure of compose names it, and the branches stand', async (t) => {
  const service = await Service.start(t, {
    script: only('answer', (exchange) => exchange.open().delta('[[ ## answer ## ]]\nThe').finish('error')),
  })
  const frames = await service.ask('Q')
  errorOf(frames, 'upstream_error', 'compose')
  assert.deepEqual(
    frames.flatMap((frame) => (frame.type === 'status' ? [`${frame.module} ${frame.phase}`] : [])).sort(),
    ['evidence end', 'evidence start', 'ideas end', 'ideas start'],
  )
  assert.equal(text(frames, 'compose', 'answer'), 'The')
  const [line] = await service.assertQuiet('upstream_error')
  assert.equal(line?.predictor, 'compose')
})

test('U40 an upstream that ignores the abort and sends on loses its socket', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: async (exchange) => {
      const { response } = exchange.open().delta('[[ ## answer ## ]]\nOn')
      const socket = response.socket
      while (socket && !socket.destroyed) {
        if (!response.write(': on and on\n\n'.repeat(1_000))) {
          await Promise.race([once(response, 'drain'), exchange.closed])
        }
      }
    },
  })
  const client = new AbortController()
  const reading = await service.open('Q', { signal: client.signal })
  await reading.until('On')
  client.abort()
  const [exchange] = service.upstream.exchanges
  await service.assertQuiet('client_closed')
  assert.ok(exchange?.wasAborted)
})

test('U40 so does one that sends on after it was done', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: async (exchange) => {
      const { response } = exchange
      exchange.open().delta('[[ ## answer ## ]]\nYes.').chunk({ delta: {}, finish_reason: 'stop' })
      exchange.raw('data: [DONE]\n\n')
      while (exchange.isOpen) {
        if (!response.write(': on and on\n\n'.repeat(1_000))) {
          await Promise.race([once(response, 'drain'), exchange.closed])
        }
      }
    },
  })
  await service.ask('Q')
  await service.assertQuiet('ok')
  service.upstream.script = echo
  await service.ask('Q')
  await service.assertQuiet('ok', 'ok')
})
