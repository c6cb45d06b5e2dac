/**
 * A call with everything that its predictor allows to be done about a failure: other models, further attempts, and a
 * check of the answer.
 *
 * While readers have seen nothing of the call, going to another model is nobody's business, as retries aren't. Later,
 * and where the answer itself is no good, the call begins anew: that takes one of its attempts, and a `reset` frame says
 * that what it has said is void. For readers that can't take text back, an attempt's frames are held until it has
 * succeeded.
 */
import type { Message, Values } from './adapters/adapter.ts'
import { asksOnce } from './asking.ts'
import { type CallContext, callPredictor, type Emit } from './call.ts'
import type { CallReport, Site } from './call-report.ts'
import { asRunError, RunError } from './errors.ts'
import { excerpt } from './fault.ts'
import type { Frame } from './frame.ts'
import { type LM, lmFor, writtenIn } from './lm.ts'
import type { Memory } from './memory.ts'
import { mayBeCuredByAsking, mayBeCuredElsewhere } from './recovery.ts'
import type { Said } from './said.ts'

export type AttemptsContext = CallContext & {
  /** What the run has said; undefined where no call of its program may begin anew. */
  readonly said: Said | undefined
  /** Whether the reader can take back what it has of a call. */
  readonly takesBack: boolean
  /** Of a run that another process may go on with. */
  readonly memory: Memory | undefined
}

/** UTF-16 units of an objection that readers get to see. */
const MAX_OBJECTION = 300

/**
 * Calls a predictor's model, and asks again where the predictor allows it.
 *
 * @param report filled in as the call goes on: characters, tokens and retries of all attempts, times from the call's start
 * @returns every output field's value, in signature order
 * @throws RunError that names the predictor; the signal's reason when aborted, at once
 */
export function callWithAttempts(
  run: AttemptsContext,
  site: Site,
  inputs: Values,
  report: CallReport,
): Promise<Values> {
  return asksOnce(site.predictor.asking)
    ? callPredictor(run, site, inputs, report)
    : new Attempts(run, site, inputs, report).answer()
}

/** How one asking ended. */
type Outcome =
  | { readonly values: Values }
  | {
      readonly error: RunError
      /** What is wrong with the answer, where there was one. */
      readonly objection?: string
    }

class Attempts {
  readonly #run: AttemptsContext
  readonly #site: Site
  readonly #inputs: Values
  readonly #report: CallReport
  /** The models to be asked, in order. Roles that have none of their own are one and the same. */
  readonly #models: readonly LM[]
  /** Which of them is asked. */
  #at = 0
  /** Answers that were objected to, and the objections. */
  readonly #turns: Message[] = []
  /** What the model has written in this attempt. */
  #text = ''
  #hasBegun = false

  constructor(run: AttemptsContext, site: Site, inputs: Values, report: CallReport) {
    this.#run = run
    this.#site = site
    this.#inputs = inputs
    this.#report = report
    this.#models = [...new Set(site.predictor.asking.roles.map((role) => lmFor(run.lm, role)))]
  }

  async answer(): Promise<Values> {
    for (;;) {
      const outcome = await this.#ask()
      if ('values' in outcome) return outcome.values
      await this.#recover(outcome)
    }
  }

  /** Asks once, and checks what comes. */
  async #ask(): Promise<Outcome> {
    const report = this.#report
    const model = this.#models[this.#at] as LM
    const before = { tokens: report.tokens, ms: report.durationMs }
    report.model = model === this.#run.lm ? undefined : model.model.name
    beginAnew(report)
    const held: Frame[] = []
    const hold: Emit = (frames) => {
      held.push(...frames)
      return undefined
    }
    try {
      const values = await callPredictor(
        { ...this.#run, lm: this.#listening(model), ...(!this.#run.takesBack && { emit: hold }) },
        this.#site,
        this.#inputs,
        report,
      )
      const objection = this.#check(values)
      if (objection === undefined) {
        if (held.length > 0) await this.#run.emit(held)
        return { values }
      }
      const message = `The model's answer didn't pass the program's check: ${forPeople(objection)}`
      return { error: new RunError('upstream_format', { message, predictor: this.#site.name }), objection }
    } catch (thrown) {
      if (this.#run.signal.aborted) throw this.#run.signal.reason
      const error = asRunError(thrown)
      return { error, ...(error.code === 'upstream_format' && { objection: error.message }) }
    } finally {
      report.tokens += before.tokens
      report.durationMs += before.ms
      if (report.firstTokenMs !== undefined) report.firstTokenMs += before.ms
    }
  }

  /**
   * Gets ready to ask once more.
   *
   * @throws the outcome's error, where that isn't allowed or wouldn't help
   */
  async #recover({ error, objection }: Exclude<Outcome, { values: Values }>): Promise<void> {
    const { attempts } = this.#site.predictor.asking
    const hasSpoken = this.#run.said?.has(this.#site) ?? false
    const goesElsewhere = mayBeCuredElsewhere(error) && this.#at + 1 < this.#models.length
    if (!goesElsewhere || hasSpoken) {
      // A model that failed before its first word has been asked again already: that is what retries are.
      const mayBegin = goesElsewhere || (this.#hasBegun && mayBeCuredByAsking(error))
      if (!mayBegin || this.#report.attempts >= attempts) throw error
      this.#report.attempts++
    }
    if (goesElsewhere) this.#at++
    if (objection !== undefined) this.#turns.push(...turnsOf(this.#text, objection))
    if (hasSpoken) await this.#reset(objection)
  }

  /** The LM with the objections in its prompt; notes what it writes. All of that is for further attempts alone. */
  #listening(lm: LM): LM {
    if (this.#site.predictor.asking.attempts === 1) return lm
    const attempts = this
    this.#text = ''
    this.#hasBegun = false
    return {
      ...lm,
      async *stream(messages, options) {
        for await (const deltas of lm.stream([...messages, ...attempts.#turns], options)) {
          for (const delta of deltas) {
            if (delta.type === 'text') attempts.#text += delta.text
            if (writtenIn(delta) !== '') attempts.#hasBegun = true
          }
          yield deltas
        }
        attempts.#hasBegun = true // an empty completion is one too
      },
    }
  }

  /** @throws RunError `internal` where the check isn't what it should be */
  #check(values: Values): string | undefined {
    const { name, predictor } = this.#site
    const fail = (cause: unknown) => new RunError('internal', { cause, predictor: name })
    let objection: unknown
    try {
      objection = predictor.asking.check?.(values)
    } catch (cause) {
      throw fail(new Error(`The check of '${name}' threw.`, { cause }))
    }
    if (objection === undefined || (typeof objection === 'string' && objection.trim() !== ''))
      return objection
    throw fail(new TypeError(`The check of '${name}' has to return a text, or undefined.`))
  }

  async #reset(objection: string | undefined): Promise<void> {
    const { emit, said } = this.#run
    const message =
      objection === undefined
        ? 'The model broke off. Its answer begins anew.'
        : `The answer begins anew: ${forPeople(objection)}`
    await emit([{ type: 'reset', keep: said?.void(this.#site) ?? [], message }])
  }
}

/** Forgets what holds for one attempt alone: its usage frame tells of no other. */
function beginAnew(report: CallReport): void {
  report.tokens = 0
  report.firstTokenMs = undefined
  report.truncated = false
}

/** The answer that was no good as the model's turn, and what is wrong with it as the next. */
const turnsOf = (text: string, objection: string): Message[] => [
  // Chat templates refuse two turns of a user in a row, and endpoints an empty one.
  { role: 'assistant', content: text.trim() === '' ? '(nothing)' : text },
  {
    role: 'user',
    content: `That answer can't be used. ${objection}\n\nAnswer again from the beginning, with every field, in the same form.`,
  },
]

/** An objection is written for a model, and may be as long and have as many lines as that takes. */
const forPeople = (objection: string) => excerpt(objection.replace(/\s+/g, ' ').trim(), MAX_OBJECTION)
