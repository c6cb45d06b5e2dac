/** The question box: its keys, its one button, and why a question was refused. */
import type { RefusedError } from '../client/index.ts'
import { byId, el, setText } from './dom.ts'

export type QuestionBoxOptions = {
  readonly ask: (question: string) => void
  readonly stop: () => void
  readonly onInput: () => void
}

type Refusal = Pick<RefusedError, 'message' | 'faults' | 'retryAfter'>

export class QuestionBox {
  readonly #area = byId<HTMLTextAreaElement>('question')
  readonly #submit = byId<HTMLButtonElement>('submit')
  readonly #refusal = byId('refusal')
  readonly #options: QuestionBoxOptions
  #isRunning = false
  #asked: string | undefined

  constructor(options: QuestionBoxOptions) {
    this.#options = options
    byId('ask').addEventListener('submit', (event) => {
      event.preventDefault()
      if (this.#isRunning) options.stop()
      else this.#ask()
    })
    // The second click of a double click would stop the run that the first one started.
    this.#submit.addEventListener('click', (event) => event.detail > 1 && event.preventDefault())
    this.#area.addEventListener('keydown', (event) => {
      // Input methods use Enter too, to accept a suggestion.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      if (!this.#isRunning) this.#ask()
    })
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#isRunning) options.stop()
    })
    this.#area.addEventListener('input', () => {
      this.#label()
      this.refuse(undefined)
      options.onInput()
    })
  }

  get question(): string {
    return this.#area.value.trim()
  }

  set question(text: string) {
    this.#area.value = text
    this.#label()
  }

  /** @param asked the question of the current or last run */
  show(isRunning: boolean, asked: string): void {
    this.#isRunning = isRunning
    this.#asked = asked
    this.#label()
  }

  focus(): void {
    this.#area.focus()
  }

  focusButton(): void {
    this.#submit.focus({ preventScroll: true })
  }

  /** Says why the question was refused; undefined clears that. */
  refuse(refusal: Refusal | undefined): void {
    this.#area.ariaInvalid = refusal ? 'true' : null
    this.#refusal.replaceChildren(...(refusal ? whatToChange(refusal) : []))
  }

  #ask(): void {
    if (this.question) {
      this.#options.ask(this.question)
    } else {
      this.refuse({ message: 'Write a question first.', faults: [], retryAfter: undefined })
      this.#area.focus()
    }
  }

  #label(): void {
    const label = this.#isRunning ? 'Stop' : this.#asked === this.question ? 'Ask again' : 'Ask'
    setText(this.#submit, label)
    this.#submit.classList.toggle('stop', this.#isRunning)
  }
}

function whatToChange({ message, faults, retryAfter }: Refusal): HTMLElement[] {
  const sentences =
    faults.length > 0 ? faults.map(({ pointer, detail }) => `${pointer}: ${detail}`) : [message]
  if (retryAfter !== undefined) sentences.push(`Ask again in ${retryAfter} s.`)
  return sentences.map((sentence) => el('p', '', sentence))
}
