/** Earlier turns of a conversation: what a request may say of them, and how many a prompt takes. */
import { type Faults, step } from './fault.ts'
import type { History, Turn } from './field-type.ts'

/** What a turn calls what was asked and what was answered, where it doesn't use the program's own names. */
export const ASKED = 'question'
export const ANSWERED = 'answer'

/** Turns that are kept: the layout around each is text for the model too, however short its values are. */
const MAX_TURNS = 200

/** @property inputs, outputs the names of the program's own, which turns may use too */
type Names = { readonly inputs: readonly string[]; readonly outputs: readonly string[] }

/**
 * Holds turns to the names that they may use: each says something that was asked and something that was answered.
 *
 * @param at the JSON pointer of the turns
 */
export function checkTurns(turns: History, at: string, { inputs, outputs }: Names, faults: Faults): void {
  const asked = [ASKED, ...inputs]
  const answered = [ANSWERED, ...outputs]
  for (const [index, turn] of turns.entries()) {
    const keys = Object.keys(turn)
    for (const key of keys) {
      if (asked.includes(key) || answered.includes(key)) continue
      faults.add(`${at}/${index}${step(key)}`, 'unknown key; leave it out')
    }
    const isWhole = [asked, answered].every((names) => keys.some((key) => names.includes(key)))
    if (!isWhole)
      faults.add(
        `${at}/${index}`,
        `a turn has what was asked and what was answered: ${ASKED} and ${ANSWERED}`,
      )
  }
}

/**
 * The last turns: as many as fit.
 *
 * @param maxChars UTF-16 units of all their values
 */
export function lastTurns(turns: History, maxChars: number): History {
  let chars = 0
  let from = turns.length
  while (from > 0 && turns.length - from < MAX_TURNS) {
    chars += charsOf(turns[from - 1] as Turn)
    if (chars > maxChars) break
    from--
  }
  return turns.slice(from)
}

const charsOf = (turn: Turn) => Object.values(turn).reduce((sum, text) => sum + text.length, 0)
