/**
 * The benchmark: the service and what it is compared with, each doing the same job, in turns, in one run.
 *
 *     npm run bench                                  everything; writes RESULTS.md
 *     npm run bench -- --quick                       a shorter version of most of it
 *     npm run bench -- --cell full-64 --peer obvious  some of it; names may be given more than once
 */
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Cell, cells, RATES } from './cells.ts'
import { type Crowd, crowd } from './crowd.ts'
import { type DialectCosts, measureDialects } from './dialects.ts'
import { type Contender, contenders, SERVICE } from './peers.ts'
import { Peer, pinClient } from './processes.ts'
import { profile, type Shares } from './profile.ts'
import { writePart } from './results-file.ts'
import {
  aims,
  crowds,
  dialectTable,
  firstToken,
  fullSpeed,
  machine,
  paced,
  Results,
  shares,
} from './table.ts'

/** What is measured for the service alone. */
const ALONE = ['crowds', 'profile', 'dialects']
const CROWD_SIZES = [1_000, 5_000]

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    cell: { type: 'string', multiple: true },
    peer: { type: 'string', multiple: true },
  },
})

const WHOLE = { repetitions: 3, windowMs: 800, completionMs: 800, samples: 400 }
const QUICK = { repetitions: 1, windowMs: 400, completionMs: 400, samples: 100 }
const QUICK_CELLS = ['full-1', 'full-8', 'full-64', 'paced-20000', 'first-token']

function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  names: readonly string[] | undefined,
): T[] {
  const unknown = names?.find((name) => !ALONE.includes(name) && !all.some((one) => one.name === name))
  if (unknown !== undefined) {
    throw new Error(
      `There is no '${unknown}'. There are ${[...all.map(({ name }) => name), ...ALONE].join(', ')}.`,
    )
  }
  return all.filter(({ name }) => !names || names.includes(name))
}

const isWhole = !options.quick && !options.cell && !options.peer
const effort = options.quick ? QUICK : WHOLE
const chosenCells = chosen(cells, options.cell ?? (options.quick ? QUICK_CELLS : undefined))
const chosenContenders = chosen(contenders, options.peer)

// The garbage of one cell mustn't be collected in the middle of the next.
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const results = new Results()
const seen: Crowd[] = []
const began = performance.now()
pinClient()

const startUpstream = () => Peer.start([process.execPath, 'bench/upstream.ts'], { role: 'upstream' })

async function measure(cell: Cell, contender: Contender, peer: Peer): Promise<void> {
  process.stderr.write(
    `${Math.round((performance.now() - began) / 1_000)} s  ${cell.name}  ${contender.name}\n`,
  )
  const { measures, fault } = await cell.run(contender, peer, effort)
  results.add(cell.name, contender.name, measures, fault)
  collectGarbage()
  await peer.idle() // what it still has to do mustn't slow down the next cell
}

async function repeat(): Promise<void> {
  const upstream = await startUpstream()
  const peers = new Map<Contender, Peer>()
  for (const contender of chosenContenders) peers.set(contender, await contender.start(upstream))
  for (const cell of chosenCells) {
    for (const [contender, peer] of peers) {
      if (!cell.isFresh) {
        await measure(cell, contender, peer)
      } else if (peer !== upstream) {
        const fresh = await contender.start(upstream)
        await measure(cell, contender, fresh)
        await fresh.stop()
      }
    }
  }
  for (const peer of peers.values()) await peer.stop()
  await upstream.stop()
}

for (let repetition = 0; repetition < effort.repetitions && chosenCells.length > 0; repetition++)
  await repeat()

const service = contenders.find(({ name }) => name === SERVICE) as Contender
const wants = (name: string) => isWhole || options.cell?.includes(name)

if (wants('crowds')) {
  for (const size of CROWD_SIZES) {
    process.stderr.write(`${size} streams\n`)
    const upstream = await startUpstream()
    const peer = await service.start(upstream)
    seen.push(await crowd(service, peer, size, 3))
    await peer.stop()
    await upstream.stop()
  }
}

let profiled: Shares | undefined
if (wants('profile')) {
  process.stderr.write('profile\n')
  const upstream = await startUpstream()
  profiled = await profile(service, upstream)
  await upstream.stop()
}

const costs: DialectCosts[] = []
if (wants('dialects')) {
  const upstream = await startUpstream()
  const peer = await service.start(upstream)
  // The first round doesn't count: in it, V8 still compiles what the dialects share, at the cost of those that come first.
  for (let round = 0; round <= effort.repetitions; round++) {
    process.stderr.write('dialects\n')
    const measured = await measureDialects(peer, 2 * effort.windowMs)
    if (round > 0) costs.push(measured)
    collectGarbage()
  }
  await peer.stop()
  await upstream.stop()
}

const has = (prefix: string) => chosenCells.some(({ name }) => name.startsWith(prefix))
const report = [
  '# Results',
  machine(effort.repetitions, (performance.now() - began) / 1_000),
  aims(results),
  has('full') ? fullSpeed(results, chosenContenders) : '',
  ...RATES.filter((rate) => has(`paced-${rate}`)).map((rate) => paced(results, chosenContenders, rate)),
  has('first-token') || has('idle') ? firstToken(results, chosenContenders) : '',
  seen.length > 0 ? crowds(seen) : '',
  costs.length > 0 ? dialectTable(costs) : '',
  profiled ? shares(profiled) : '',
]
  .filter((part) => part !== '')
  .join('\n\n')

console.log(report)
if (isWhole) {
  writePart(report)
} else {
  process.stderr.write('RESULTS.md is left as it is: it holds whole runs only.\n')
}
const wrong = chosenContenders.filter(({ name }) => results.fault(name))
const isWrong = wrong.some(({ name }) => name === SERVICE) || costs.some(({ faults }) => faults.some(Boolean))
process.exitCode = isWrong ? 1 : 0
