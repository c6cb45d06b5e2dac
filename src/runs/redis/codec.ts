/** Entries of a run's log as entries of a stream, and back. */
import type { Frame } from '../../core/frame.ts'
import { type Entry, firstOf, type KeptResult, type Lanes, packed, unpacked } from '../entry.ts'
import type { RunHeader } from '../header.ts'
import { type Position, positionOf, written } from '../position.ts'
import { type Command, Refused } from './connection.ts'
import { runKey } from './keys.ts'

/** An entry as Redis gives it: its id, and names and values in turn. */
export type StreamEntry = readonly [id: string, fields: readonly string[]]

/** What the first entry of a log says. */
export type Opening = {
  readonly header: RunHeader
  /** Whose work it is: a version of its program. */
  readonly fingerprint: string
  /** The entry of the work stream. */
  readonly work: string
  /** Of the client's own key, if it has one. */
  readonly key: string | undefined
}

/** The id of the first entry, which no reader sees: the first owner's events are counted from there. */
const OPENING_ID = '1-0'

export const openingCommand = (id: string, { header, fingerprint, work, key }: Opening): Command => [
  'XADD',
  runKey(id),
  OPENING_ID,
  ...['h', JSON.stringify(header), 'p', fingerprint, 'w', work],
  ...(key === undefined ? [] : ['k', key]),
]

/** Reads the first entry. */
export const firstCommand = (id: string): Command => ['XRANGE', runKey(id), '-', '+', 'COUNT', '1']

export function openingOf([, fields]: StreamEntry): Opening {
  const values = valuesOf(fields)
  return {
    header: JSON.parse(values.get('h') as string),
    fingerprint: values.get('p') as string,
    work: values.get('w') as string,
    key: values.get('k'),
  }
}

/** Writes entries of one owner that follow each other as one. */
export function appendCommand(id: string, entries: readonly Entry[]): Command {
  const last = entries.at(-1) as Entry
  const count = entries.reduce((sum, entry) => sum + entry.frames, 0)
  const results = entries.flatMap((entry) => entry.results)
  return [
    ...['XADD', runKey(id), 'NOMKSTREAM', written(last.at), 'n', String(count), 'f', joined(entries)],
    ...(results.length > 0 ? ['r', JSON.stringify(results)] : []),
    ...(last.endedAt === undefined ? [] : ['e', String(last.endedAt)]),
  ]
}

/** The frames of entries, packed. Most are a single token, in the lane of the one before: that isn't named again. */
function joined(entries: readonly Entry[]): string {
  let lane: string | undefined
  const pieces = entries.map(({ packed, frames }) => {
    const [own] = /^\[\d+,/.exec(packed) ?? []
    const piece = packed.slice(own !== undefined && own === lane ? own.length : 1, -1)
    lane = frames === 1 ? own : undefined
    return piece
  })
  return `[${pieces.join(',')}]`
}

/** Says that a run has a new owner: from now on, nothing of an earlier one is accepted. */
export const claimCommand = (id: string, attempt: number, by: string): Command => [
  ...['XADD', runKey(id), 'NOMKSTREAM', written({ attempt, count: 0 }), 'by', by],
]

/** Says that a run is to be forgotten. Whoever reads its log still gets its end. */
export const eraseCommand = (id: string, attempt: number): Command => [
  ...['XADD', runKey(id), 'NOMKSTREAM', written({ attempt, count: 0 }), 'x', '1'],
]

/** Reads the last entry. */
export const lastCommand = (id: string): Command => ['XREVRANGE', runKey(id), '+', '-', 'COUNT', '1']

/** Whether an entry was refused because somebody has written one that isn't older. */
export const isTaken = (error: unknown): boolean =>
  error instanceof Refused && error.is('ERR The ID specified in XADD')

/** Ends a run in whoever's place. */
export function endCommand(id: string, attempt: number, frames: readonly Frame[]): Command {
  const at = { attempt, count: frames.length + 1 }
  return appendCommand(id, [
    { at, frames: frames.length, packed: packed(frames), results: [], endedAt: Date.now() },
  ])
}

/**
 * @param before what the reader has already. A server that had lost writes may have got them again, together with newer
 *   ones: then some of the entry's frames are known
 * @param lanes of the run's header
 * @returns undefined for the first entry
 */
export function entryOf(
  [id, fields]: StreamEntry,
  before: Position,
  lanes: Lanes | undefined,
): Entry | undefined {
  const at = positionOf(id)
  if (!at || id === OPENING_ID) return undefined
  const values = valuesOf(fields)
  const endedAt = values.get('e')
  const results = values.get('r')
  const entry: Entry = {
    at,
    frames: Number(values.get('n') ?? 0),
    packed: values.get('f') ?? '[]',
    results: results === undefined ? [] : (JSON.parse(results) as KeptResult[]),
    endedAt: endedAt === undefined ? undefined : Number(endedAt),
  }
  const known = before.attempt === at.attempt ? before.count - firstOf(entry) + 1 : 0
  if (known <= 0 || known > entry.frames) return entry
  const rest = unpacked(entry.packed, lanes).slice(known)
  return { ...entry, frames: rest.length, packed: packed(rest, lanes) }
}

/** Whether a run is over that has this last entry. */
export const isEnd = ([, fields]: StreamEntry): boolean =>
  ['e', 'x'].some((name) => valuesOf(fields).has(name))

export const isErased = ([, fields]: StreamEntry): boolean => valuesOf(fields).has('x')

function valuesOf(fields: readonly string[]): Map<string, string> {
  const values = new Map<string, string>()
  for (let at = 0; at + 1 < fields.length; at += 2) values.set(fields[at] as string, fields[at + 1] as string)
  return values
}
