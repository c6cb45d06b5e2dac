/**
 * What a tool gives -> frames, and the fields' values. A text streams as it is emitted, a list of items as each comes,
 * and everything else as a whole at the end, after its check. Its state is the call's, and gone with it.
 */
import { untilAborted } from '../async/until-aborted.ts'
import type { Values } from './adapters/adapter.ts'
import type { CallContext } from './call.ts'
import type { CallReport } from './call-report.ts'
import { RunError } from './errors.ts'
import { Faults } from './fault.ts'
import type { Frame } from './frame.ts'
import type { Field, Signature } from './signature.ts'
import { checkField, checkValue, textOf } from './typed-value.ts'

/** What every frame of the call carries. */
type Origin = { readonly predictor: string; readonly call?: number }

/** Where the first halves of surrogate pairs at a text's end begin. */
function endOfWhole(text: string): number {
  let end = text.length
  while (end > 0 && text.charAt(end - 1) >= '\ud800' && text.charAt(end - 1) <= '\udbff') end--
  return end
}

export class ToolOutput {
  readonly #signature: Signature
  readonly #origin: Origin
  readonly #run: CallContext
  readonly #report: CallReport
  readonly #elapsed: () => number
  /** The one `str` among the outputs, which the tool may emit. */
  readonly #text: Field | undefined
  #pieces: string[] | undefined
  /** First halves of surrogate pairs that wait for the second, since readers in Python can't join the two. */
  #halves = ''
  /** What an `emit` failed of, which the tool may not have awaited. */
  #fault: unknown
  #isOver = false
  #values: Values = {}

  constructor(
    signature: Signature,
    origin: Origin,
    run: CallContext,
    report: CallReport,
    elapsed: () => number,
  ) {
    this.#signature = signature
    this.#origin = origin
    this.#run = run
    this.#report = report
    this.#elapsed = elapsed
    const texts = signature.outputs.filter(({ type }) => type.kind === 'str')
    this.#text = texts.length === 1 ? texts[0] : undefined
  }

  /**
   * Takes a piece of the one text.
   *
   * @returns a promise to await before the next. It rejects when nobody waits for the tool any longer
   */
  emit(piece: string): Promise<void> {
    const sent = this.#emit(piece)
    sent.catch((fault) => {
      this.#fault ??= fault
    })
    return sent
  }

  async #emit(piece: string): Promise<void> {
    this.#run.signal.throwIfAborted()
    if (this.#isOver) throw new Error('A tool that is done emits nothing more.')
    if (!this.#text) throw new TypeError('A tool emits its one `str` output; this one has none, or several.')
    if (typeof piece !== 'string') throw new TypeError(`A tool emits texts, not ${typeof piece}.`)
    this.#pieces ??= []
    const whole = this.#halves + piece
    const end = endOfWhole(whole)
    this.#halves = whole.slice(end)
    const chunk = whole.slice(0, end)
    if (chunk === '') return
    this.#pieces.push(chunk)
    await this.#send(this.#chunk(this.#text, chunk, false))
  }

  /**
   * Takes the items of the one list, as they come.
   *
   * @throws RunError `tool_failed` for an item of the wrong type; what the generator throws
   */
  async takeAll(items: AsyncGenerator<unknown>): Promise<void> {
    const [field, ...others] = this.#signature.outputs
    const item = field?.type.kind === 'list' && others.length === 0 ? field.type.item : undefined
    try {
      if (!field || !item) throw new TypeError('Only a tool whose one output is a list can be a generator.')
      const values: unknown[] = []
      for (;;) {
        const { done, value } = await untilAborted(items.next(), this.#run.signal)
        if (done) break
        const path = `/${values.length}`
        const faults = new Faults()
        const checked = checkValue(item, value, `/${field.name}${path}`, faults)
        if (faults.count > 0) throw wrong(faults)
        const text = (values.length === 0 ? '[' : ',') + JSON.stringify(checked)
        values.push(checked)
        await this.#send(this.#chunk(field, text, false), this.#value(field, path, checked))
      }
      this.#values = { [field.name]: values }
      await this.#send(this.#chunk(field, values.length === 0 ? '[]' : ']', true))
    } catch (thrown) {
      // Not awaited: a generator that waits for something ends only when that does.
      items.return(undefined).catch(() => {})
      throw thrown
    }
  }

  /**
   * Takes what the tool's function returned: its outputs, where what it emitted may be missing.
   *
   * @throws RunError `tool_failed` where it isn't what the signature promises
   */
  async take(returned: unknown): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault
    const emitted = this.#pieces && this.#pieces.join('') + this.#halves
    const text = this.#text?.name
    const given = { ...(emitted !== undefined && text && { [text]: emitted }), ...(returned as object) }
    const faults = new Faults()
    const values: Record<string, unknown> = {}
    for (const field of this.#signature.outputs) values[field.name] = checkField(field, given, faults)
    if (faults.count > 0) throw wrong(faults)
    if (emitted !== undefined && text && values[text] !== emitted) {
      throw new RunError('tool_failed', {
        cause: new TypeError(`The tool emitted another ${text} than it returned.`),
      })
    }
    this.#values = values
    for (const field of this.#signature.outputs) {
      if (field === this.#text && emitted !== undefined) {
        await this.#send(this.#chunk(field, this.#halves, true))
        continue
      }
      const value = values[field.name]
      await this.#send(this.#chunk(field, textOf(field.type, value), true), ...this.#parts(field, value))
    }
  }

  /** Every output field's value, in signature order. */
  values(): Values {
    return this.#values
  }

  /** Nothing more is emitted. */
  end(): void {
    this.#isOver = true
  }

  /** The value frames of a field that comes as a whole. */
  #parts(field: Field, value: unknown): Frame[] {
    if (field.type.kind === 'str') return []
    if (field.type.kind !== 'list') return this.#value(field, '', value)
    return (value as unknown[]).flatMap((item, index) => this.#value(field, `/${index}`, item))
  }

  #chunk({ name: field }: Field, chunk: string, isLast: boolean): Frame[] {
    this.#report.firstTokenMs ??= this.#elapsed()
    this.#report.chars += chunk.length
    if (this.#report.chars > this.#run.maxToolChars) {
      throw new RunError('tool_failed', { message: 'The tool wrote more than the service allows.' })
    }
    return [{ type: 'token', field, ...this.#origin, chunk, is_last: isLast }]
  }

  #value({ name: field }: Field, path: string, value: unknown): Frame[] {
    if (!this.#run.include.values) return []
    return [{ type: 'value', field, ...this.#origin, path, value }]
  }

  /** Waits for the reader where it is behind, but not longer than anybody waits for the tool. */
  async #send(...frames: readonly (Frame | readonly Frame[])[]): Promise<void> {
    const room = this.#run.emit(frames.flat())
    if (room) await untilAborted(room, this.#run.signal)
  }
}

/** The log gets what is wrong; a client can do nothing about it. */
const wrong = (faults: Faults) =>
  new RunError('tool_failed', { cause: new TypeError(`The tool gave what it didn't promise: ${faults}.`) })
