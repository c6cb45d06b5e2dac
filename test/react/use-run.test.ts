/** The hook in a real browser, with a real React in its strict mode, against the real service. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import type { Root } from 'react-dom/client'
import { readRun, streamRun } from '../../src/client/index.ts'
import type * as TributaryReact from '../../src/react/index.ts'
import { oneCall } from '../support/programs.ts'
import { TcpProxy } from '../support/proxy.ts'
import { openReactPage } from '../support/react-page.ts'
import { Service } from '../support/service.ts'
import { type Exchange, echo, only } from '../support/upstream.ts'

type Options = Pick<TributaryReact.RunOptions, 'include' | 'resumable'> & { readonly url: string }

/** What a test sees of the component, in the page. */
type App = {
  run: TributaryReact.UseRun
  /** Every state that was shown, and at which of the page's animation frames. */
  readonly shown: { readonly state: TributaryReact.LiveRunState; readonly frame: number }[]
  /** The functions that it got at its first render. */
  readonly functions: unknown[]
  readonly root: Root
}

declare global {
  var app: App
}

/** Runs in the page: shows a component that uses the hook, in strict mode. */
async function mount(options: Options): Promise<void> {
  const path = 'tributary/react' // a variable: the compiler would look for it in a package
  const { useRun } = (await import(path)) as typeof TributaryReact
  const { createElement, StrictMode, useEffect } = await import('react')
  const { createRoot } = await import('react-dom/client')
  let frame = 0
  const count = () => {
    frame++
    requestAnimationFrame(count)
  }
  count()
  const App = () => {
    const run = useRun(options)
    app.run = run
    app.functions.push(run.start, run.resume, run.stop, run.cancel, run.reset)
    useEffect(() => {
      app.shown.push({ state: run.state, frame })
    }, [run.state])
    return createElement('output', null, JSON.stringify(run.state))
  }
  const root = createRoot(document.getElementById('root') as HTMLElement)
  globalThis.app = { run: undefined as never, shown: [], functions: [], root }
  root.render(createElement(StrictMode, null, createElement(App)))
}

const mounted = async (page: Page, options: Options): Promise<void> => {
  await page.evaluate(mount, options)
  await phaseIs(page, 'idle')
}

const start = (page: Page, question: string) => page.evaluate((asked) => app.run.start(asked), question)

const phaseIs = async (page: Page, phase: string): Promise<void> => {
  await page.waitForFunction((wanted) => app.shown.at(-1)?.state.phase === wanted, phase)
}

/** Waits until a text is on the page. */
const shows = async (page: Page, text: string): Promise<void> => {
  await page.waitForFunction((wanted) => document.body.textContent?.includes(wanted), text)
}

const stateOf = (page: Page) => page.evaluate(() => app.run.state)

/** Begins an answer, and goes on only if the test does. */
const beginning =
  (text: string) =>
  (exchange: Exchange): void => {
    exchange.open().delta(`[[ ## ${exchange.field} ## ]]\n${text}`)
  }

test('a run is rendered as it is written: lanes first, fields in the order of writing, then the prediction', async (t) => {
  const service = await Service.start(t, {
    script: (exchange) =>
      exchange.answer(Object.fromEntries(exchange.fields.map((field) => [field, `my ${field}`]))),
  })
  const page = await openReactPage(t, [service])
  await mounted(page, { url: service.url, include: ['reasoning', 'usage'] })
  await start(page, 'Why?')
  await phaseIs(page, 'done')
  const { lanes, prediction, failure, endedAt, startedAt } = await stateOf(page)
  assert.deepEqual(
    lanes.map(({ predictor, fields }) => [predictor, Object.keys(fields)]),
    [
      ['ideas.brainstorm', ['reasoning', 'brainstorm']],
      ['evidence.probe', ['reasoning', 'evidence']],
      ['compose', ['reasoning', 'answer']],
    ],
  )
  assert.equal(lanes[0]?.fields.brainstorm?.text, 'my brainstorm')
  assert.equal(lanes[0]?.usage?.input_tokens, 12)
  assert.deepEqual(prediction, { reasoning: 'my reasoning', answer: 'my answer' })
  assert.equal(failure, undefined)
  assert.ok((endedAt as number) >= (startedAt as number))
  const kinds = await page.evaluate(() => new Set(app.functions).size)
  assert.equal(kinds, 5, 'the functions stay the same')
  await service.assertQuiet('ok')
})

test('thousands of frames are folded: the page renders once per animation frame at most', async (t) => {
  const service = await Service.start(t, {
    script: only('brainstorm', (exchange) => exchange.answer({ brainstorm: 'word '.repeat(4_000) }, 5)),
  })
  const page = await openReactPage(t, [service])
  await mounted(page, { url: service.url })
  await start(page, 'Why?')
  await phaseIs(page, 'done')
  const shown = await page.evaluate(() => app.shown.map(({ state, frame }) => [state.phase, frame] as const))
  // The first two are what was there before the run, and its start, which waits for no paint.
  const frames = shown.slice(shown.findIndex(([phase]) => phase === 'running') + 1).map(([, frame]) => frame)
  assert.ok(frames.length > 0)
  assert.equal(new Set(frames).size, frames.length, `${frames}`)
  const { lanes } = await stateOf(page)
  assert.equal(lanes[0]?.fields.brainstorm?.text, 'word '.repeat(4_000).trim())
})

test('a second start aborts the first run, of which nothing more shows', async (t) => {
  const service = await Service.start(t, { script: beginning('first run') })
  const page = await openReactPage(t, [service])
  await mounted(page, { url: service.url })
  await start(page, 'One?')
  await shows(page, 'first run')
  const first = [...service.upstream.exchanges]
  service.upstream.script = echo
  // What the first run still writes is on its way when the second begins.
  for (const exchange of first) exchange.delta(' goes on')
  const before = await page.evaluate(() => {
    app.run.start('Two?')
    return app.shown.length
  })
  await phaseIs(page, 'done')
  for (const exchange of first) {
    await exchange.closed
    assert.ok(exchange.wasAborted)
  }
  const since = await page.evaluate((from) => JSON.stringify(app.shown.slice(from)), before)
  assert.doesNotMatch(since, /first run/)
  assert.match(since, /answer on Two\?/)
  await service.assertQuiet('client_closed', 'ok')
})

test('stop ends a run and keeps what it wrote; reset forgets it', async (t) => {
  const service = await Service.start(t, { script: beginning('so far') })
  const page = await openReactPage(t, [service])
  await mounted(page, { url: service.url })
  await start(page, 'Why?')
  await shows(page, 'so far')
  await page.evaluate(() => app.run.stop())
  await phaseIs(page, 'stopped')
  const stopped = await stateOf(page)
  assert.equal(stopped.lanes[0]?.fields.brainstorm?.text, 'so far')
  assert.equal(stopped.failure, undefined)
  await service.assertQuiet('client_closed')
  await page.evaluate(() => app.run.reset())
  await phaseIs(page, 'idle')
  assert.deepEqual((await stateOf(page)).lanes, [])
})

test('unmounting ends the run', async (t) => {
  const service = await Service.start(t, { script: beginning('so far') })
  const page = await openReactPage(t, [service])
  await mounted(page, { url: service.url })
  await start(page, 'Why?')
  await shows(page, 'so far')
  await page.evaluate(() => app.root.unmount())
  await service.assertQuiet('client_closed')
  assert.ok(service.upstream.exchanges.every(({ wasAborted }) => wasAborted))
})

/** Starts a resumable run whose answers have begun, and waits until the page knows its id. */
async function startResumable(page: Page, url: string): Promise<string> {
  await mounted(page, { url, resumable: true })
  await start(page, 'Why?')
  await shows(page, 'so far')
  await page.waitForFunction(() => app.run.state.runId)
  return (await stateOf(page)).runId as string
}

test('a resumable run goes on without its component, and another shows it by its id', async (t) => {
  const service = await Service.start(t, { script: beginning('so far') })
  const page = await openReactPage(t, [service])
  const id = await startResumable(page, service.url)
  await page.evaluate(() => app.root.unmount())
  await mounted(page, { url: service.url })
  await page.evaluate((known) => app.run.resume(known), id)
  await shows(page, 'so far')
  assert.equal((await stateOf(page)).runId, id)
  service.upstream.script = echo
  for (const exchange of [...service.upstream.exchanges]) exchange.delta(' and on').finish()
  await phaseIs(page, 'done')
  const { lanes, prediction } = await stateOf(page)
  assert.equal(lanes[0]?.fields.brainstorm?.text, 'so far and on')
  assert.equal(prediction?.answer, 'answer on Why?')
  await service.assertQuiet('ok')
  assert.equal(service.upstream.exchanges.length, 3)
  await page.evaluate(() => app.run.reset())
  await phaseIs(page, 'idle')
  assert.equal((await stateOf(page)).runId, undefined)
})

test('a run is shown with the lanes of its own program, whichever is the component’s', async (t) => {
  const service = await Service.start(t, { others: { other: oneCall }, script: () => {} })
  const { url } = service
  const page = await openReactPage(t, [service])
  const leaving = new AbortController()
  const { promise, resolve } = Promise.withResolvers<string>()
  const onRun = ({ id }: { readonly id: string }) => resolve(id)
  const asking = { url, program: 'other', question: 'Why?', resumable: true, onRun, signal: leaving.signal }
  const reading = assert.rejects(Array.fromAsync(streamRun(asking)), { name: 'AbortError' })
  const id = await promise
  leaving.abort()
  await reading
  await mounted(page, { url })
  await page.evaluate((known) => app.run.resume(known), id)
  // Nothing has been written: only the description has the field.
  await page.waitForFunction(() => app.run.state.lanes[0]?.fields.answer)
  const { lanes } = await stateOf(page)
  assert.deepEqual(
    lanes.map(({ predictor }) => predictor),
    ['answerer'],
  )
  await page.evaluate(() => app.run.cancel())
  await phaseIs(page, 'failed')
  await service.assertQuiet('cancelled')
})

test('a resumable run is read on when its connection breaks', async (t) => {
  const service = await Service.start(t, { script: beginning('so far') })
  const proxy = await TcpProxy.start(t, service.url)
  const page = await openReactPage(t, [proxy])
  await startResumable(page, proxy.url)
  proxy.cut()
  service.upstream.script = echo
  for (const exchange of [...service.upstream.exchanges]) exchange.delta(' and on').finish()
  await phaseIs(page, 'done')
  assert.equal((await stateOf(page)).lanes[0]?.fields.brainstorm?.text, 'so far and on')
  await service.assertQuiet('ok')
})

test('stop leaves a resumable run, and cancel ends it, also after that', async (t) => {
  const service = await Service.start(t, { script: beginning('so far') })
  const page = await openReactPage(t, [service])
  const { url } = service
  const id = await startResumable(page, url)
  await page.evaluate(() => app.run.stop())
  await phaseIs(page, 'stopped')
  assert.equal((await readRun({ url, id })).status, 'running')
  await page.evaluate(() => app.run.cancel())
  assert.equal((await readRun({ url, id })).status, 'cancelled')
  await page.evaluate(() => app.root.unmount())
  await startResumable(page, url)
  await page.evaluate(() => app.run.cancel())
  await phaseIs(page, 'failed')
  const { failure } = await stateOf(page)
  assert.equal(failure?.kind === 'failed' && failure.error.code, 'cancelled')
  await service.assertQuiet('cancelled', 'cancelled')
})

test('cancel waits for the id of a run that has only just been asked for', async (t) => {
  const service = await Service.start(t, { script: beginning('so far') })
  const page = await openReactPage(t, [service])
  await mounted(page, { url: service.url, resumable: true })
  await page.evaluate(() => {
    app.run.start('Why?')
    return app.run.cancel()
  })
  await phaseIs(page, 'failed')
  await service.assertQuiet('cancelled')
})

test('cancel ends a run that isn’t resumable too', async (t) => {
  const service = await Service.start(t, { script: beginning('so far') })
  const page = await openReactPage(t, [service])
  await mounted(page, { url: service.url })
  await start(page, 'Why?')
  await shows(page, 'so far')
  await page.evaluate(() => app.run.cancel())
  await phaseIs(page, 'stopped')
  await service.assertQuiet('client_closed')
})

test('what goes wrong has a kind, a sentence and the error itself', async (t) => {
  const service = await Service.start(t, { script: only('evidence', (exchange) => exchange.refuse(401)) })
  const cut = createServer((request, response) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', 'content-type')
    if (request.method === 'OPTIONS') response.end()
    else if (request.method === 'GET') response.writeHead(404).end()
    else response.setHeader('content-type', 'text/event-stream').end(': alive\n\n')
  })
  cut.listen(0, '127.0.0.1')
  await once(cut, 'listening')
  t.after(() => cut.close())
  const cutUrl = `http://127.0.0.1:${(cut.address() as AddressInfo).port}`
  const silent = { url: 'http://127.0.0.1:1' }
  const page = await openReactPage(t, [service, { url: cutUrl }, silent])
  const failureOf = async (url: string, question: string) => {
    await mounted(page, { url })
    await start(page, question)
    await page.waitForFunction(() => app.run.state.failure)
    const { failure, phase } = await stateOf(page)
    await page.evaluate(() => app.root.unmount())
    return { ...(failure as TributaryReact.RunFailure), phase }
  }
  const failed = await failureOf(service.url, 'Why?')
  assert.equal(failed.kind, 'failed')
  assert.equal(failed.kind === 'failed' && failed.error.code, 'upstream_auth')
  const refused = await failureOf(service.url, ' ')
  assert.deepEqual([refused.kind, refused.phase], ['refused', 'failed'])
  assert.match(refused.message, /question/)
  const incomplete = await failureOf(cutUrl, 'Why?')
  assert.deepEqual([incomplete.kind, incomplete.phase], ['incomplete', 'incomplete'])
  const unreachable = await failureOf(silent.url, 'Why?')
  assert.deepEqual([unreachable.kind, unreachable.phase], ['unreachable', 'failed'])
  assert.match(unreachable.message, /^Nothing answers at http:\/\/127\.0\.0\.1:1, /)
})
