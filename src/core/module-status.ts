/** When the modules of a run start and end: their status frames. */
import type { Emit } from './call.ts'
import type { Place } from './program.ts'

/**
 * A module starts with the first call into it and ends when each of its predictors has been called and none is
 * at work, or with the run. Called again later, it starts again: every token stands between a start and an end.
 * A module in which a call failed or was cut short sends no end.
 */
export class ModuleStatus {
  readonly #emit: Emit
  readonly #members = new Map<string, Set<string>>()
  readonly #open = new Map<string, { place: Place; atWork: number; uncalled: Set<string>; failed: boolean }>()

  constructor(places: readonly Place[], emit: Emit) {
    this.#emit = emit
    for (const { module, name } of places) {
      this.#members.set(module, (this.#members.get(module) ?? new Set()).add(name))
    }
  }

  enter(place: Place): void {
    let state = this.#open.get(place.module)
    if (!state) {
      state = { place, atWork: 0, uncalled: new Set(this.#members.get(place.module)), failed: false }
      this.#open.set(place.module, state)
      this.#say(place, 'start')
    }
    state.atWork++
    state.uncalled.delete(place.name)
  }

  leave({ module }: Place, succeeded: boolean): void {
    const state = this.#open.get(module)
    if (!state) return
    state.atWork--
    state.failed ||= !succeeded
    if (state.atWork === 0 && state.uncalled.size === 0) this.#close(module)
  }

  /** The run has succeeded: modules that were not called in full are done too. */
  leaveAll(): void {
    for (const module of this.#open.keys()) this.#close(module)
  }

  #close(module: string): void {
    const state = this.#open.get(module)
    this.#open.delete(module)
    if (state && !state.failed) this.#say(state.place, 'end')
  }

  #say({ module, messages }: Place, phase: 'start' | 'end'): void {
    if (messages) this.#emit([{ type: 'status', message: messages[phase], module, phase }])
  }
}
