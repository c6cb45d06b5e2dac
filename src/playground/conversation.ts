/**
 * A conversation with a program that takes one: what was asked and answered so far goes with the next question, until
 * somebody begins anew.
 */
import { inputsOf, type ProgramDescription } from '../client/index.ts'
import { button, el, setText } from './dom.ts'

type Turn = Readonly<Record<string, string>>

export type Exchange = {
  readonly inputs: Readonly<Record<string, unknown>>
  readonly prediction: Readonly<Record<string, unknown>>
}

export class Conversation {
  readonly element = el('p', 'conversation')
  readonly #text = el('span')
  readonly #onChange: (input: string, turns: readonly Turn[] | undefined) => void
  #program: ProgramDescription | undefined

  /** @param onChange gets the input that holds the turns, and the turns; undefined is none */
  constructor(onChange: (input: string, turns: readonly Turn[] | undefined) => void) {
    this.#onChange = onChange
    const anew = button('quiet', 'New conversation', () => this.#show(this.#input, []))
    this.element.append(this.#text, ' ', anew)
    this.element.hidden = true
  }

  /** Turns to a program, with which nobody has spoken yet. */
  begin(program: ProgramDescription): void {
    this.#program = program
    this.#show(this.#input, [])
  }

  /** Takes what a run was asked and has answered: the next question follows up on it. */
  goOn({ inputs, prediction }: Exchange): void {
    const input = this.#input
    const answer = this.#program?.answer?.field
    const answered = answer === undefined ? undefined : prediction[answer]
    if (input === undefined || answer === undefined || typeof answered !== 'string') return
    const asked = Object.entries(inputs).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value] as const] : [],
    )
    if (asked.length === 0) return
    const before = (inputs[input] ?? []) as readonly Turn[]
    this.#show(input, [...before, { ...Object.fromEntries(asked), [answer]: answered }])
  }

  get #input(): string | undefined {
    return this.#program && inputsOf(this.#program).find(({ kind }) => kind === 'history')?.name
  }

  #show(input: string | undefined, turns: readonly Turn[]): void {
    this.element.hidden = turns.length === 0
    const number = turns.length === 1 ? 'the last answer' : `${turns.length} earlier answers`
    setText(this.#text, `The next question follows up on ${number}.`)
    if (input !== undefined) this.#onChange(input, turns.length > 0 ? turns : undefined)
  }
}
