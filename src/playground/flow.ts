/**
 * The program before it runs: its predictors in steps. Those of one step stand side by side, since they run together.
 */
import type { ProgramDescription } from '../client/index.ts'
import { el } from './dom.ts'

export function flow({ predictors }: ProgramDescription): HTMLElement[] {
  const waitsFor = new Map(predictors.map((one) => [one.predictor, one.waits_for]))
  /** @param above the predictors that wait for this one, so that a circular program also has a first step */
  const stepOf = (name: string, above: readonly string[] = []): number => {
    const makers = (waitsFor.get(name) ?? []).filter((maker) => maker !== name && !above.includes(maker))
    return Math.max(0, ...makers.map((maker) => stepOf(maker, [...above, name]) + 1))
  }
  const steps: HTMLElement[] = []
  for (const { predictor } of predictors) {
    const step = stepOf(predictor)
    steps[step] ??= el('ul')
    steps[step].append(el('li', 'predictor', predictor))
  }
  return steps.filter(Boolean).map((list) => el('li', '', list))
}
