/** What a run was asked, in words: a title for it, and its inputs by name. */
import { inputsOf } from '../client/index.ts'
import type { RunRecord } from './run-record.ts'
import { labelOf } from './words.ts'

export type AskedWords = {
  /** The question, or what is most like one. */
  readonly title: string
  /** The other inputs that were given. Texts of a list have commas between them; any other value is its JSON. */
  readonly others: readonly (readonly [label: string, value: string])[]
  /** How many earlier turns went with it. */
  readonly turns: number
}

export function askedInWords({
  program,
  asked: { inputs },
}: Pick<RunRecord, 'program' | 'asked'>): AskedWords {
  const kinds = new Map(inputsOf(program).map(({ name, kind }) => [name, kind]))
  const given = Object.entries(inputs).filter(([, value]) => value !== undefined)
  const typed = given.filter(([name]) => kinds.get(name) !== 'history')
  const turns = given.flatMap(([name, value]) =>
    kinds.get(name) === 'history' && Array.isArray(value) ? value : [],
  )
  const texts = typed.filter(([, value]) => typeof value === 'string')
  const [main] =
    texts.find(([name]) => name === 'question') ?? texts.find(([name]) => kinds.get(name) === 'text') ?? []
  const others = typed.flatMap(([name, value]) =>
    name === main ? [] : [[labelOf(name), textOf(value)] as const],
  )
  return {
    title: main === undefined ? labelOf(program.name) : textOf(inputs[main]),
    others,
    turns: turns.length,
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  const isOfTexts = Array.isArray(value) && value.every((item) => typeof item === 'string')
  return isOfTexts ? value.join(', ') : JSON.stringify(value)
}

/** A day and a time, as short as people need it: `14:05` for today. */
export function dateInWords(iso: string, now = new Date()): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return ''
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  return isSameDay(date, now) ? time : `${dayInWords(date, now)}, ${time}`
}

/** `Today`, `Yesterday` or the date. */
export function dayInWords(date: Date, now = new Date()): string {
  if (isSameDay(date, now)) return 'Today'
  const yesterday = new Date(now)
  yesterday.setDate(now.getDate() - 1)
  if (isSameDay(date, yesterday)) return 'Yesterday'
  const isThisYear = date.getFullYear() === now.getFullYear()
  return date.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'long',
    ...(!isThisYear && { year: 'numeric' }),
  })
}

const isSameDay = (one: Date, other: Date) => one.toDateString() === other.toDateString()
