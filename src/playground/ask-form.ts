/** The form that asks: a field for each of the program's inputs, one button, the keys, and why asking was refused. */
import { type ProgramInput, placeOf, type RefusedError } from '../client/index.ts'
import { byId, el, setText } from './dom.ts'
import { exampleOf } from './example.ts'
import { Field, refusalElement } from './field.ts'
import type { GoesOn } from './runs-on-page.ts'
import { sentence } from './words.ts'

export type Inputs = Readonly<Record<string, unknown>>

export type AskFormOptions = {
  readonly ask: (inputs: Inputs) => void
  readonly stop: () => void
  /** Called at Escape, which stops what was asked here and turns away from what others asked. */
  readonly dismiss: () => void
  readonly onInput: () => void
  /** What was asked last, by this page or before it was opened. */
  readonly lastAsked: () => Inputs | undefined
}

type Refusal = Pick<RefusedError, 'message' | 'faults' | 'retryAfter'>

/** What a service's program is most likely asked: shown until its description comes. */
const QUESTION: ProgramInput = {
  name: 'question',
  type: 'str',
  kind: 'text',
  choices: [],
  isRequired: true,
  description: undefined,
  schema: { type: 'string' },
}

const isQuestion = (inputs: readonly ProgramInput[]) =>
  inputs.length === 1 && inputs[0]?.name === 'question' && inputs[0].kind === 'text'

export class AskForm {
  readonly #form = byId<HTMLFormElement>('ask')
  readonly #fieldsElement = el('div', 'fields')
  readonly #submit = el('button', 'primary')
  readonly #keys = el('p', 'keys')
  /** Says what Escape does. */
  readonly #atEscape = el('span')
  /** What is wrong with no field in particular; if there is only one, with that too. */
  readonly #refusal = refusalElement('refusal')
  readonly #options: AskFormOptions
  #fields: readonly Field[] = []
  /** Whether a single text is all that it asks for: a question, with the button next to it. */
  #isAlone = true
  /** Inputs that nobody types: a conversation that has no turns yet. */
  #untyped: Inputs = {}
  #goesOn: GoesOn = 'none'
  /** The inputs of the current or last run, and the same as JSON. */
  #asked: Inputs | undefined
  #askedJson: string | undefined
  /** What the fields say, as JSON; undefined if a field isn't valid. */
  #current: string | undefined

  constructor(options: AskFormOptions) {
    this.#options = options
    this.#submit.type = 'submit'
    this.#submit.id = 'submit'
    this.#keys.id = 'keys'
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      if (this.#goesOn !== 'none') options.stop()
      else this.#ask()
    })
    // The second click of a double click would stop the run that the first one started.
    this.#submit.addEventListener('click', (event) => event.detail > 1 && event.preventDefault())
    this.#form.addEventListener('keydown', (event) => this.#onKey(event))
    document.addEventListener('keydown', (event) => {
      // Input methods use Escape too, to give up a suggestion.
      if (event.key === 'Escape' && !event.isComposing && !isInDialog(event.target)) options.dismiss()
    })
    this.#form.addEventListener('input', ({ target }) => {
      this.#fields.find((field) => field.isOf(target))?.refuse([])
      this.#refusal.replaceChildren()
      this.#onChange()
    })
    this.#setFields([QUESTION])
    this.#label()
  }

  /** Makes the fields of a program. What somebody has written stays where there is still a field for it. */
  setInputs(inputs: readonly ProgramInput[]): void {
    const histories = inputs.filter(({ kind, isRequired }) => kind === 'history' && isRequired)
    this.#untyped = Object.fromEntries(histories.map(({ name }) => [name, []]))
    const typed = inputs.filter(({ kind }) => kind !== 'history')
    const isSame = JSON.stringify(typed) === JSON.stringify(this.#fields.map(({ input }) => input))
    if (!isSame && !(this.isQuestion && isQuestion(typed))) this.#setFields(typed)
    for (const [index, { schema }] of typed.entries()) this.#fields[index]?.limit(schema.maxLength)
    this.#onChange()
  }

  /** Sets an input that nobody types, such as the turns of a conversation; undefined leaves it out. */
  setUntyped(name: string, value: unknown): void {
    const { [name]: _, ...others } = this.#untyped
    this.#untyped = value === undefined ? others : { ...others, [name]: value }
    this.#onChange()
  }

  /** Whether a question is all that it asks for. */
  get isQuestion(): boolean {
    return isQuestion(this.#fields.map(({ input }) => input))
  }

  /** What has been filled in, whether or not it is all; and an example for every field that isn't valid yet. */
  get inputsOrExamples(): Inputs {
    const values = this.#fields.map((field) => {
      const reading = field.read()
      return [field.input.name, 'value' in reading ? reading.value : exampleOf(field.input)]
    })
    return { ...Object.fromEntries(values), ...this.#untyped }
  }

  /** Shows these inputs. What says the same already stays as somebody has written it. */
  fill(inputs: Inputs): void {
    if (JSON.stringify(inputs) === this.#current) return
    for (const field of this.#fields) field.write(inputs[field.input.name])
    this.#onChange()
  }

  /**
   * Called once per animation frame.
   *
   * @param asked the inputs of the current or last run
   */
  show(goesOn: GoesOn, asked: Inputs | undefined): void {
    this.#goesOn = goesOn
    if (asked !== this.#asked) {
      this.#asked = asked
      this.#askedJson = asked && JSON.stringify(asked)
    }
    this.#label()
  }

  focus(): void {
    this.#fields[0]?.focus()
  }

  /** Writes a question that a link has brought. Whoever has begun to write keeps what they have. */
  suggest(question: string): void {
    const field = this.#fields.find(({ input }) => input.name === 'question' && input.kind === 'text')
    if (!field?.isEmpty) return
    field.write(question)
    this.#onChange()
  }

  /** Scrolls to the button, below which the run is: a form with several fields may fill the window. */
  showButton(): void {
    if (this.#isAlone) scrollTo({ top: 0 })
    else this.#submit.scrollIntoView()
  }

  focusButton(): void {
    this.#submit.focus({ preventScroll: true })
  }

  /**
   * Says why asking was refused, at the fields that it is about; undefined clears that.
   *
   * @param asked the inputs that were refused
   */
  refuse(refusal: Refusal | undefined, asked: Inputs = {}): void {
    const { message, faults = [], retryAfter } = refusal ?? {}
    const others = message !== undefined && faults.length === 0 ? [message] : []
    const ofFields = new Map<Field, string[]>(this.#fields.map((field) => [field, []]))
    for (const fault of faults) {
      const { input, where } = placeOf(fault, asked)
      const sentences = ofFields.get(this.#fields.find((field) => field.input.name === input) as Field)
      if (sentences) sentences.push(sentence(where, fault.detail))
      else others.push(sentence(input ?? '', where, fault.detail))
    }
    // The service's own sentences say it already.
    if (retryAfter !== undefined && !/again in \d/.test(message ?? '')) {
      others.push(`Ask again in ${retryAfter} seconds.`)
    }
    this.#refusal.replaceChildren()
    for (const [field, sentences] of ofFields) field.refuse(sentences)
    this.#refusal.append(...others.map((one) => el('p', '', one)))
    if (!this.#isAlone) [...ofFields].find(([, sentences]) => sentences.length > 0)?.[0].focus()
  }

  #setFields(inputs: readonly ProgramInput[]): void {
    const isAlone = inputs.length === 1 && inputs[0]?.kind === 'text'
    this.#isAlone = isAlone
    const before = this.#fields
    const hadFocus = this.#form.contains(document.activeElement)
    this.#fields = inputs.map(
      (input) =>
        new Field(
          input,
          isAlone
            ? { isAlone, describedBy: [this.#keys.id], refusal: this.#refusal }
            : { isAlone, describedBy: [] },
        ),
    )
    for (const field of this.#fields) field.takeOver(before)
    this.#keys.replaceChildren(...keys(isAlone, this.#atEscape))
    if (isAlone) {
      const [field] = this.#fields as [Field]
      const [label, box, ...rest] = field.elements as [HTMLElement, HTMLElement, ...HTMLElement[]]
      field.box.append(this.#submit)
      const below = el('div', 'below', this.#keys, field.counter)
      this.#form.replaceChildren(label, box, below, ...rest, this.#refusal)
    } else {
      this.#fieldsElement.replaceChildren(...this.#fields.map(fieldElement))
      const actions = el('div', 'actions', this.#keys, this.#submit)
      this.#form.replaceChildren(this.#fieldsElement, actions, this.#refusal)
    }
    if (hadFocus) this.focus()
  }

  #onKey(event: KeyboardEvent): void {
    const { target } = event
    if (event.key === 'ArrowUp' && !event.isComposing) this.#recall(event)
    // Input methods use Enter too, to accept a suggestion.
    if (event.key !== 'Enter' || event.isComposing || !this.#fields.some((field) => field.isOf(target)))
      return
    const isTextArea = target instanceof HTMLTextAreaElement
    const startsLine = this.#isAlone ? event.shiftKey : !event.ctrlKey && !event.metaKey
    if ((isTextArea && startsLine) || target instanceof HTMLSelectElement) return
    event.preventDefault()
    if (this.#goesOn === 'none') this.#ask()
  }

  /** In an empty question, the arrow brings back what was asked last. */
  #recall(event: KeyboardEvent): void {
    const [field] = this.#fields
    const asked =
      this.#isAlone && field?.isOf(event.target) && field.isEmpty ? this.#options.lastAsked() : undefined
    if (!asked) return
    event.preventDefault() // it would move to the beginning of the text
    this.fill(asked)
  }

  #ask(): void {
    const readings = this.#fields.map((field) => ({ field, reading: field.read() }))
    this.#refusal.replaceChildren()
    for (const { field, reading } of readings) field.refuse('fault' in reading ? [reading.fault] : [])
    const wrong = readings.find(({ reading }) => 'fault' in reading)
    if (wrong) wrong.field.focus()
    else this.#options.ask(this.#read() as Inputs)
  }

  /** All inputs; undefined if a field isn't valid. What is left out isn't there. */
  #read(): Inputs | undefined {
    const inputs: Record<string, unknown> = {}
    for (const field of this.#fields) {
      const reading = field.read()
      if ('fault' in reading) return undefined
      if (reading.value !== undefined) inputs[field.input.name] = reading.value
    }
    return { ...inputs, ...this.#untyped }
  }

  #onChange(): void {
    for (const field of this.#fields) field.count()
    const inputs = this.#read()
    this.#current = inputs && JSON.stringify(inputs)
    this.#label()
    this.#options.onInput()
  }

  #label(): void {
    const isAgain = this.#askedJson !== undefined && this.#askedJson === this.#current
    setText(this.#submit, STOPS[this.#goesOn] ?? (isAgain ? 'Ask again' : 'Ask'))
    this.#submit.classList.toggle('stop', this.#goesOn !== 'none')
    setText(this.#atEscape, this.#goesOn === 'others' ? ' stops following' : ' stops')
  }
}

/** What the button says that stops a run. */
const STOPS: Readonly<Partial<Record<GoesOn, string>>> = { own: 'Stop', others: 'Stop for all' }

const isInDialog = (element: EventTarget | null) =>
  element instanceof Element && element.closest('dialog') !== null

const fieldElement = (field: Field) => el('div', 'field', ...field.elements)

/** @param atEscape says what Escape does */
function keys(isAlone: boolean, atEscape: HTMLElement): HTMLElement[] {
  const key = (name: string) => el('kbd', '', name)
  return isAlone
    ? [
        el('span', '', key('Enter'), ' asks'),
        el('span', '', key('Shift'), ' ', key('Enter'), ' starts a line'),
        el('span', '', key('Esc'), atEscape),
      ]
    : [el('span', '', key('Ctrl'), ' ', key('Enter'), ' asks'), el('span', '', key('Esc'), atEscape)]
}
