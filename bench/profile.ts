/** Where the service's time goes at full speed: a sampled profile of the process, by owner of the code. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { STREAMS, TOKENS } from './cells.ts'
import { now } from './clock.ts'
import { Load } from './load.ts'
import type { Contender } from './peers.ts'
import type { Peer } from './processes.ts'

/** The part of `--cpu-prof`'s output that is read here. Times are in microseconds of the monotonic clock. */
type Profile = {
  readonly startTime: number
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Whose code it is, by its URL; the first match counts. */
const OWNERS: readonly [owner: string, fits: (functionName: string, url: string) => boolean][] = [
  ['garbage collection', (name) => name === '(garbage collector)'],
  ['reading events: src/lm', (_, url) => url.includes('/src/lm/')],
  ['fields, frames, hand-off: src/core', (_, url) => url.includes('/src/core/')],
  ['encoding and writing: src/wire, src/http', (_, url) => /\/src\/(wire|http)\//.test(url)],
  ['undici', (_, url) => url.includes('/undici/') || url.startsWith('wasm:')],
  ['other packages', (_, url) => url.includes('/node_modules/')],
  ["Node's HTTP, streams and buffers", (_, url) => url.startsWith('node:')],
  ['promises', (name) => name === 'runMicrotasks'],
  ['system calls, decoding, JSON: native code', () => true],
]

/** Shares of the process's working time by owner, largest first. */
export type Shares = readonly (readonly [owner: string, share: number])[]

/** @returns undefined if there is no profile */
export async function profile(service: Contender, upstream: Peer): Promise<Shares | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'profile-'))
  try {
    const options = `--cpu-prof --cpu-prof-interval=500 --cpu-prof-dir=${folder}`
    const peer = await service.start(upstream, options)
    const slots = STREAMS.at(-1) as number
    const script = { tokens: TOKENS, rate: 0 }
    const load = new Load(peer.url + service.path, script, { slots, spreadMs: 0 })
    await sleep(2_000)
    const from = now()
    await sleep(2_000)
    const to = now()
    await load.stop()
    await peer.stop('SIGTERM')
    const profiles = readdirSync(folder).map(
      (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile,
    )
    const found = profiles.find(({ nodes }) =>
      nodes.some(({ callFrame }) => callFrame.url.includes('/src/wire/')),
    )
    return found && sharesOf(found, from, to)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function sharesOf({ startTime, nodes, samples, timeDeltas }: Profile, from: number, to: number): Shares {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<string, number>()
  let at = startTime
  let total = 0
  samples.forEach((id, nth) => {
    const took = timeDeltas[nth] ?? 0
    at += took
    const { functionName, url } = frames.get(id) ?? { functionName: '', url: '' }
    if (at < from || at > to || functionName === '(idle)') return
    const [owner] = OWNERS.find(([, fits]) => fits(functionName, url)) as (typeof OWNERS)[number]
    times.set(owner, (times.get(owner) ?? 0) + took)
    total += took
  })
  return [...times].map(([owner, time]) => [owner, time / total] as const).sort(([, a], [, b]) => b - a)
}
