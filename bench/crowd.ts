/** Many streams on a service that has nothing else to do. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './clock.ts'
import { ask, type Stream } from './load.ts'
import type { Contender } from './peers.ts'
import type { Peer } from './processes.ts'

/** Connections opened at the same time. More than a listener's backlog would only measure the backlog. */
const AT_ONCE = 100

const hasStamp = (bytes: Buffer) => /\d{15};/.test(bytes.toString('latin1'))

/** Asks this many times at once, for one token of each branch and then silence. */
const askSome = (contender: Contender, peer: Peer, count: number) =>
  Promise.all(
    Array.from({ length: count }, () => ask(peer.url + contender.path, { tokens: 1, rate: 0, silent: true })),
  )

/** Opens this many streams and waits until each has brought a token. */
export async function openAll(contender: Contender, peer: Peer, count: number): Promise<Stream[]> {
  const open: Stream[] = []
  while (open.length < count) {
    const some = await askSome(contender, peer, Math.min(AT_ONCE, count - open.length))
    await Promise.all(some.map(({ until }) => until(hasStamp)))
    open.push(...some)
  }
  return open
}

export async function leaveAll(streams: readonly Stream[]): Promise<void> {
  for (const { leave } of streams) leave()
  await Promise.all(streams.map(({ closed }) => closed))
}

/** The measurements. Memory is resident, in bytes, after a garbage collection. */
export type Crowd = {
  readonly count: number
  readonly openMs: number
  readonly perStream: number
  /** Processor time while all are open and silent, as a share of one processor. */
  readonly idleBusy: number
  readonly before: number
  readonly open: number
  readonly after: number
  readonly afterStorms: readonly number[]
}

/**
 * Opens `count` streams, leaves them, and then asks and leaves in storms.
 *
 * @param storms the number of storms; each asks and leaves `count` times, as fast as it can
 */
export async function crowd(contender: Contender, peer: Peer, count: number, storms: number): Promise<Crowd> {
  const memory = async () => {
    await peer.idle()
    await peer.collectGarbage()
    await peer.idle()
    return peer.memory
  }
  const warmUp = await ask(peer.url + contender.path, { tokens: 100, rate: 0 })
  await warmUp.closed
  const before = await memory()
  const began = now()
  const streams = await openAll(contender, peer, count)
  const openMs = (now() - began) / 1_000
  const open = await memory()
  const [cpu, at] = [peer.cpu, now()]
  await sleep(1_000)
  const idleBusy = (peer.cpu - cpu) / (now() - at)
  await leaveAll(streams)
  const after = await memory()
  const afterStorms: number[] = []
  for (let storm = 0; storm < storms; storm++) {
    for (let left = count; left > 0; left -= AT_ONCE) {
      await leaveAll(await askSome(contender, peer, Math.min(AT_ONCE, left)))
    }
    afterStorms.push(await memory())
  }
  return { count, openMs, perStream: (open - before) / count, idleBusy, before, open, after, afterStorms }
}
