/**
 * What runs that outlive their connection cost, with a Redis that the benchmark starts itself.
 *
 *     npm run bench:runs                              everything; writes its part of RESULTS.md
 *     npm run bench:runs -- --quick                   a shorter version
 *     npm run bench:runs -- --cell owner --cell claim some of it
 */
import '../../scripts/build.ts' // the service serves what this makes
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { writePart } from '../results-file.ts'
import { type Effort, type Figures, runCells } from './cells.ts'
import { Services } from './services.ts'
import { resultsOf } from './table.ts'

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, cell: { type: 'string', multiple: true } },
})

const WHOLE: Effort & { repetitions: number } = {
  repetitions: 2,
  windowMs: 4_000,
  samples: 100,
  leaseMs: 10_000,
}
const QUICK = { repetitions: 1, windowMs: 2_000, samples: 20, leaseMs: 3_000 }
const { repetitions, ...effort } = options.quick ? QUICK : WHOLE

const unknown = options.cell?.find((one) => !runCells.some(({ name }) => name === one))
if (unknown !== undefined) {
  throw new Error(`There is no '${unknown}'. There are ${runCells.map(({ name }) => name).join(', ')}.`)
}
const chosen = runCells.filter(({ name }) => options.cell?.includes(name) ?? true)
const began = performance.now()
const seen = new Map<string, Figures[]>()
for (let repetition = 0; repetition < repetitions; repetition++) {
  for (const { name, measure } of chosen) {
    const services = new Services()
    try {
      const load = loadavg()[0]
      const figures = await measure(services, effort)
      console.error(name, `load ${load?.toFixed(1)}`, figures)
      seen.set(name, [...(seen.get(name) ?? []), { ...figures, load: load as number }])
    } finally {
      await services.stop()
    }
    await sleep(500)
  }
}

const report = resultsOf(seen, repetitions, (performance.now() - began) / 60_000)
console.log(report)
if (!options.quick && !options.cell) writePart(report)
else console.error('RESULTS.md is left as it is: it holds whole runs only.')
