/** Runs that are begun without a reader, and readers of them. */
import { type Received, request } from '../load.ts'
import type { Peer } from '../processes.ts'
import { questionOf, type Script } from '../text.ts'

/** Requests at the same time. */
const AT_ONCE = 50

const JSON_BODY = { 'content-type': 'application/json' }

export async function inGroups<One, Result>(
  all: readonly One[],
  work: (one: One) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let at = 0; at < all.length; at += AT_ONCE) {
    results.push(...(await Promise.all(all.slice(at, at + AT_ONCE).map(work))))
  }
  return results
}

/** Begins this many runs. Resolves with their ids. */
export const begin = (owner: Peer, script: Script, count: number): Promise<string[]> =>
  inGroups(Array(count).fill(JSON.stringify({ question: questionOf(script) })), async (body) => {
    const response = await fetch(`${owner.url}/v1/runs`, { method: 'POST', headers: JSON_BODY, body })
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`)
    return ((await response.json()) as { id: string }).id
  })

/** Reads a run from its first event on, each event as it was. */
export const read = (at: Peer, id: string): Promise<Received> =>
  request('GET', `${at.url}/v1/runs/${id}/stream?after=0-0`)

/** Reads a run in short. */
export const readInShort = (at: Peer, id: string): Promise<Received> =>
  request('GET', `${at.url}/v1/runs/${id}/stream`)

export const cancelAll = (at: Peer, ids: readonly string[]) =>
  inGroups(ids, async (id) => {
    await (await fetch(`${at.url}/v1/runs/${id}/cancel`, { method: 'POST' })).text()
  })

/** How many events these runs have had. */
export async function eventsOf(at: Peer, ids: readonly string[]): Promise<number> {
  const counts = await inGroups(ids, async (id) => {
    const state = (await (await fetch(`${at.url}/v1/runs/${id}`)).json()) as { position: string }
    return Number(state.position.split('-')[1])
  })
  return counts.reduce((sum, one) => sum + one, 0)
}

/** The time in a token's frame, and nowhere else. */
const TOKEN = /"chunk":"(\d{15});"/g
const ID = /^id: \d+-(\d+)$/gm

/** How long each token took from the upstream's write to the reader's read, in microseconds, of those between. */
export function delaysOf({ arrivals }: Received, from: number, to: number): number[] {
  const delays: number[] = []
  let rest = ''
  for (const { at, bytes } of arrivals) {
    const text = rest + bytes.toString('latin1')
    for (const [, micros] of text.matchAll(TOKEN)) {
      if (Number(micros) >= from && at < to) delays.push(at - Number(micros))
    }
    rest = text.slice(text.lastIndexOf('\n') + 1)
  }
  return delays
}

/** @returns what is wrong with the ids: of one attempt, they are counted without a gap */
export function faultIn({ arrivals }: Received): string | undefined {
  const text = Buffer.concat(arrivals.map(({ bytes }) => bytes))
    .toString('latin1')
    .replaceAll(/\r\n[0-9a-f]+\r\n/g, '') // between the chunks of HTTP
  const ids = [...text.matchAll(ID)].map(([, count]) => Number(count))
  if (ids.length === 0) return 'no events'
  const gap = ids.findIndex((id, nth) => nth > 0 && id !== (ids[nth - 1] as number) + 1)
  return gap === -1 ? undefined : `event ${ids[gap]} after ${ids[gap - 1]}`
}
