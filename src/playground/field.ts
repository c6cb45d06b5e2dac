/** One field of the form: a label, the control, a hint, and what is wrong with its value. */
import type { ProgramInput } from '../client/index.ts'
import type { Reading } from './controls/control.ts'
import { controlOf } from './controls/control-of.ts'
import { el, setText } from './dom.ts'
import { labelOf } from './words.ts'

/** What to do about an empty field that has to have a value. */
const EMPTY: Readonly<Record<ProgramInput['kind'], string>> = {
  text: 'Write something here first.',
  integer: 'Write a whole number first.',
  number: 'Write a number first.',
  choice: 'Choose one first.',
  flag: 'Choose one first.',
  texts: 'Write something here first.',
  json: 'Write some JSON or choose a file first.',
  history: 'Write some JSON or choose a file first.',
}

/** The part of the longest text from which on its characters are counted. */
const COUNTED_FROM = 0.8

/**
 * A field that is alone is a whole question: its label says what it is. Among others it has a hint, and a place of its
 * own for what is wrong with it.
 */
export type FieldOptions = {
  readonly isAlone: boolean
  /** Ids of elements that say more about it, such as which keys there are. */
  readonly describedBy: readonly string[]
  /** Where to say what is wrong, if not in the field itself. */
  readonly refusal?: HTMLElement | undefined
}

export class Field {
  readonly input: ProgramInput
  readonly box: HTMLElement
  /** Label, box and the rest. */
  readonly elements: readonly HTMLElement[]
  /** How much of what may be written is written, once that matters. */
  readonly counter = el('p', 'counter')
  readonly #control
  readonly #refusal: HTMLElement
  #most = Number.POSITIVE_INFINITY

  constructor(input: ProgramInput, { isAlone, describedBy, refusal }: FieldOptions) {
    this.input = input
    const control = controlOf(input)
    this.#control = control
    const { element } = control
    element.id = `input-${input.name}`
    if (isAlone && input.name === 'question') element.setAttribute('placeholder', 'Ask something…')
    const label = el('label', '', labelOf(input.name))
    label.htmlFor = element.id
    this.box = el('div', 'box', element)
    this.#refusal = refusal ?? refusalElement(`${element.id}-refusal`)
    this.counter.id = `${element.id}-counter`
    this.counter.hidden = true
    const said = [...describedBy, this.counter.id, this.#refusal.id]
    const parts: HTMLElement[] = [label, this.box]
    if (!isAlone) {
      if (!input.isRequired) label.append(' (optional)')
      else if (input.kind !== 'flag') element.ariaRequired = 'true'
      if (control.tool) parts[0] = el('div', 'head', label, control.tool)
    }
    const hint = el('p', 'hint', hintOf(input, control.note))
    if (hint.textContent !== '' && !(isAlone && input.name === 'question')) {
      hint.id = `${element.id}-hint`
      said.unshift(hint.id)
      parts.push(hint)
    }
    if (!isAlone) parts.push(this.counter)
    element.setAttribute('aria-describedby', said.join(' '))
    this.elements = refusal ? parts : [...parts, this.#refusal]
  }

  /** Its value, or what to do before it can be asked. */
  read(): Reading {
    const reading = this.#control.read()
    if (!('value' in reading) || reading.value !== undefined || !this.input.isRequired) return reading
    return { fault: this.input.name === 'question' ? 'Write a question first.' : EMPTY[this.input.kind] }
  }

  write(value: unknown): void {
    this.#control.write(value)
  }

  get isEmpty(): boolean {
    const reading = this.read()
    return 'fault' in reading || reading.value === undefined
  }

  /** @param most the characters that it may have, where that is known */
  limit(most = Number.POSITIVE_INFINITY): void {
    this.#most = most
  }

  /** Counts what is written, if it is a text that may have only so many characters and has most of them. */
  count(): void {
    const most = this.#most
    const reading = this.#control.read()
    const length = 'value' in reading && typeof reading.value === 'string' ? reading.value.length : 0
    this.counter.hidden = length < most * COUNTED_FROM
    if (this.counter.hidden) return
    const over = length - most
    const number = (count: number) => count.toLocaleString('en')
    setText(
      this.counter,
      `${number(length)} of ${number(most)} characters${over > 0 ? `: ${number(over)} too many` : ''}`,
    )
    this.counter.classList.toggle('over', over > 0)
  }

  /** Takes what another program's field of the same name and kind has. */
  takeOver(fields: readonly Field[]): void {
    const { name, kind } = this.input
    const reading = fields.find(({ input }) => input.name === name && input.kind === kind)?.read()
    if (reading && 'value' in reading) this.write(reading.value)
  }

  /** Says what is wrong with its value, in sentences; none of them clears that. */
  refuse(sentences: readonly string[]): void {
    this.#control.element.ariaInvalid = sentences.length > 0 ? 'true' : null
    this.#refusal.replaceChildren(...sentences.map((sentence) => el('p', '', sentence)))
  }

  /** Whether this element is its control. */
  isOf(element: EventTarget | null): boolean {
    return element === this.#control.element
  }

  focus(): void {
    this.#control.element.focus()
  }
}

/** Where it is said what is wrong. Screen readers read out what comes into it. */
export function refusalElement(id: string): HTMLElement {
  const element = el('div', 'refusal')
  element.id = id
  element.role = 'alert'
  return element
}

function hintOf({ description }: ProgramInput, note: string | undefined): string {
  const sentences = [description, note].filter((one) => one !== undefined)
  return sentences.map((one) => (/[.!?…]$/.test(one) ? one : `${one}.`)).join(' ')
}
