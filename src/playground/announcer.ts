/**
 * Tells screen readers what others see at a glance: each lane's phase, and the finished answer once. Tokens aren't
 * read out.
 */
import { keyOf, nameOf, type RunState, standing } from '../client/index.ts'
import { el } from './dom.ts'

export class Announcer {
  readonly #log: HTMLElement
  readonly #said = new Map<string, string>()
  #isOver = false

  /** @param log the element whose additions are read out */
  constructor(log: HTMLElement) {
    this.#log = log
    log.replaceChildren()
  }

  /** @param answer the answer, once there is one */
  tell(state: RunState, answer: string | undefined): void {
    for (const lane of state.lanes) {
      const standsAt = standing(lane)
      if (lane.phase === 'pending' || this.#said.get(keyOf(lane)) === standsAt) continue
      this.#said.set(keyOf(lane), standsAt)
      this.#say(`${nameOf(lane)}: ${standsAt}`)
      if (lane.phase === 'failed' && lane.message) this.#say(lane.message)
    }
    if (state.phase === 'running' || this.#isOver) return
    this.#isOver = true
    if (state.phase === 'done' && answer) this.#say(`The answer: ${answer}`)
  }

  #say(sentence: string): void {
    this.#log.append(el('p', '', sentence))
  }
}
