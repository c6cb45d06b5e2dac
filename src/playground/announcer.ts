/**
 * Tells screen readers what others see at a glance: each lane's phase, the finished answer once, and which error a run
 * ended in. Notices are read out by themselves.
 * Tokens aren't read out.
 */
import { keyOf, type ProgramDescription, type RunState, standing, titleOf } from '../client/index.ts'
import { el } from './dom.ts'
import { withoutPointers } from './words.ts'

export class Announcer {
  readonly #log: HTMLElement
  readonly #said = new Map<string, string>()
  #isOver = false

  /** @param log the element whose additions are read out */
  constructor(log: HTMLElement) {
    this.#log = log
  }

  /** Forgets the last run. */
  begin(): void {
    this.#log.replaceChildren()
    this.#said.clear()
    this.#isOver = false
  }

  /** @param answer where the program's answer is, if it has one */
  tell(state: RunState, answer: ProgramDescription['answer']): void {
    for (const lane of state.lanes) {
      const standsAt = standing(lane, state.truncated)
      if (lane.phase === 'pending' || this.#said.get(keyOf(lane)) === standsAt) continue
      this.#said.set(keyOf(lane), standsAt)
      this.say(`${titleOf(lane, lane.predictor === answer?.predictor)}: ${standsAt}`)
      if (lane.failedAlone && lane.message) this.say(withoutPointers(lane.message))
    }
    if (state.phase === 'running' || this.#isOver) return
    this.#isOver = true
    const text = answerOf(state, answer)
    for (const lane of state.lanes) {
      const isCut = state.truncated.includes(lane.predictor)
      if (isCut)
        this.say(
          `${titleOf(lane, lane.predictor === answer?.predictor)} ends early: the model ran into its token limit.`,
        )
    }
    if (state.error) this.say(`The run failed: ${withoutPointers(state.error.message)}`)
    if (state.phase === 'done' && text) this.say(`The answer: ${text}`)
  }

  say(sentence: string): void {
    this.#log.append(el('p', '', sentence))
  }
}

/** What the answer's field has; without such a field, the whole prediction. */
function answerOf({ lanes, prediction }: RunState, answer: ProgramDescription['answer']): string | undefined {
  if (!answer) return prediction && JSON.stringify(prediction)
  return lanes.findLast(({ predictor }) => predictor === answer.predictor)?.fields[answer.field]?.text
}
