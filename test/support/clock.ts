/** Time for tests that would otherwise have to wait. */
import type { TestContext } from 'node:test'

/**
 * Time that passes only when the test says so: for timers and for `performance.now`. Immediates are real, and
 * all that are due have run when it comes back.
 */
export function clock(t: TestContext) {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return async (ms: number) => {
    now += ms
    t.mock.timers.tick(ms)
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  }
}
