/** What was measured of resumable runs, against what was to be reached. */
import { cpus, totalmem } from 'node:os'
import { quantile } from '../cells.ts'
import { table } from '../markdown.ts'
import type { Figures } from './cells.ts'

/** All repetitions of each cell. */
export type Seen = ReadonlyMap<string, readonly Figures[]>

type Of = (figure: string) => number
type Row = {
  readonly cell: string
  readonly what: string
  readonly aim: string
  /** The measured, in the aim's units, and whether it is reached. */
  readonly measured: (of: Of) => readonly [text: string, isMet: boolean]
}

const whole = (value: number) => Math.round(value).toLocaleString('en-US')
const one = (value: number) => value.toFixed(1)

const ROWS: readonly Row[] = [
  {
    cell: 'plain',
    what: 'plain stream at full speed, with REDIS_URL and without: processor time',
    aim: '× 1.00',
    measured: (of) => [`× ${of('ratio').toFixed(2)}`, of('ratio') < 1.05],
  },
  {
    cell: 'owner',
    what: "owner's processor time a token, 200 runs of 100 tokens/s: with Redis, over memory alone",
    aim: '≤ 6 µs',
    measured: (of) => [
      `${one(of('added'))} µs (${one(of('withRedis'))} and ${one(of('memory'))})`,
      of('added') <= 6,
    ],
  },
  {
    cell: 'owner',
    what: "Redis' processor time a token, same runs",
    aim: '≤ 2 µs',
    measured: (of) => [`${one(of('redis'))} µs, ${one(of('perWrite'))} tokens a write`, of('redis') <= 2],
  },
  {
    cell: 'latency',
    what: 'from the model to a reader at the owner, 200 runs of 20 tokens/s',
    aim: 'no wait for Redis',
    measured: (of) => [
      `p50 ${one(of('localP50') / 1_000)}, p99 ${whole(of('localP99') / 1_000)} ms`,
      of('localP50') < 5_000,
    ],
  },
  {
    cell: 'latency',
    what: 'to a reader at another instance, same runs',
    aim: 'p50 ≤ 35, p99 ≤ 80 ms',
    measured: (of) => [
      `p50 ${whole(of('remoteP50') / 1_000)}, p99 ${whole(of('remoteP99') / 1_000)} ms`,
      of('remoteP50') <= 35_000 && of('remoteP99') <= 80_000,
    ],
  },
  {
    cell: 'crowd',
    what: '1,000 readers of one run of 100 tokens/s at another instance: processor time a token and reader',
    aim: '≤ 4 µs, one XREAD',
    measured: (of) => [
      `${one(of('cpu'))} µs, ${of('readsPerWrite').toFixed(2)} XREADs a write, ${whole(of('writesPerSecond'))} writes/s`,
      of('cpu') <= 4,
    ],
  },
  {
    cell: 'whole-log',
    what: 'a run of 2,000 tokens in Redis, its end and its result included',
    aim: '≤ 50 kB',
    measured: (of) => [
      `${whole(of('bytes') / 1_000)} kB in ${whole(of('entries'))} entries`,
      of('bytes') <= 50_000,
    ],
  },
  {
    cell: 'whole-log',
    what: 'all of it to a late reader at another instance',
    aim: '≤ 5 ms, ≤ 20 events',
    measured: (of) => [
      `p50 ${one(of('p50') / 1_000)}, p99 ${one(of('p99') / 1_000)} ms; ${whole(of('events'))} events`,
      of('p50') <= 5_000 && of('events') <= 20,
    ],
  },
  {
    cell: 'claim',
    what: 'kill −9 of the owner of 20 runs, until readers elsewhere see the reset',
    aim: '≤ lease + 0.7 s',
    measured: (of) => [
      `lease ${of('leaseMs') / 1_000} s: ${one(of('least') / 1_000)}–${one(of('most') / 1_000)} s`,
      of('most') <= of('leaseMs') + 700,
    ],
  },
  {
    cell: 'cancel',
    what: 'cancelled at another instance, until the owner of a run that writes has stopped',
    aim: '≤ 50 ms',
    measured: (of) => [
      `p50 ${whole(of('talkingP50'))}, most ${whole(of('talkingMost'))} ms`,
      of('talkingMost') <= 50,
    ],
  },
  {
    cell: 'cancel',
    what: 'the same, of a run that is silent',
    aim: '≤ 1.1 s',
    measured: (of) => [
      `p50 ${whole(of('silentP50'))}, most ${whole(of('silentMost'))} ms`,
      of('silentMost') <= 1_100,
    ],
  },
  {
    cell: 'watched',
    what: '1,000 runs of 20 tokens/s, watched by one other instance (the store alone, without HTTP and models)',
    aim: 'p50 ≤ 50, p99 ≤ 120 ms',
    measured: (of) => [
      `p50 ${whole(of('p50') / 1_000)}, p99 ${whole(of('p99') / 1_000)} ms`,
      of('p50') <= 50_000 && of('p99') <= 120_000,
    ],
  },
  {
    cell: 'leases',
    what: '10,000 leases: the renewal of 1,000 of them, in Redis',
    aim: '≤ 5 ms',
    measured: (of) => [`${one(of('renew') / 1_000)} ms`, of('renew') <= 5_000],
  },
  {
    cell: 'leases',
    what: '10,000 leases: one look for those left behind, in Redis',
    aim: '≤ 25 ms',
    measured: (of) => [`${one(of('scan') / 1_000)} ms`, of('scan') <= 25_000],
  },
  {
    cell: 'leases',
    what: 'their work stream',
    aim: '≤ 6 MB',
    measured: (of) => [`${(of('bytes') / 1_000_000).toFixed(2)} MB`, of('bytes') <= 6_000_000],
  },
]

export function resultsOf(seen: Seen, repetitions: number, minutes: number): string {
  const median = (cell: string, figure: string) =>
    quantile(
      (seen.get(cell) ?? []).map((figures) => figures[figure] ?? Number.NaN).filter(Number.isFinite),
      0.5,
    )
  const rows = ROWS.filter(({ cell }) => seen.has(cell)).map(({ cell, what, aim, measured }) => {
    const [text, isMet] = measured((figure) => median(cell, figure))
    const load = (seen.get(cell) ?? []).map((figures) => (figures.load ?? Number.NaN).toFixed(1))
    return [what, aim, text, isMet ? 'met' : '**missed**', load.join(', ')]
  })
  const [cpu, ...others] = cpus()
  return [
    '# Resumable runs',
    [
      `\`npm run bench:runs\` on this machine: ${cpu?.model.trim()}, ${others.length + 1} processors, nothing pinned, ${Math.round(totalmem() / 2 ** 30)} GiB;`,
      `Node ${process.versions.node}, Redis on a Unix socket; ${new Date().toISOString().slice(0, 10)}; ${repetitions} repetitions, ${Math.round(minutes)} min.`,
      'Medians of the repetitions; of an even number, the higher one. The machine was shared: the last column is its load average when each repetition began. A model, a client,',
      'Redis and one or two instances had the two processors between them, so times to a reader have all of their work in them.',
      'Event ids were checked for gaps in every stream that was read.',
    ].join(' '),
    table(['what', 'to reach', 'measured', '', 'load'], rows),
    seen.has('memory') ? memory((figure) => median('memory', figure)) : '',
    seen.has('watched') ? units(median) : '',
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

const kB = (bytes: number) => `${whole(bytes / 1_000)} kB`
const MB = (bytes: number) => `${one(bytes / 1_000_000)} MB`

function memory(of: Of): string {
  const rounds = (who: string) => [1, 2, 3].map((nth) => MB(of(`${who}After${nth}`))).join(', ')
  return [
    '## Memory\n',
    'Heap after a garbage collection, for each of 200 runs of 500 tokens that came one by one. A run that is under way has its',
    'log, a token at a time, and its connection to the model. Once it is over, its log is put together; with Redis, it is',
    'no longer in the process.\n',
    table(
      ['', 'under way and silent', 'over'],
      [
        ['without Redis', kB(of('running')), kB(of('over'))],
        ['with Redis', kB(of('runningShared')), `${kB(of('overShared'))}, what is made once included`],
      ],
    ),
    `\n${whole(of('soaked'))} runs with Redis, each read at its owner and elsewhere, to the end: heap after each quarter but the`,
    `first. At the owner ${rounds('owner')}; at the reader ${rounds('other')}.`,
  ].join('\n')
}

function units(median: (cell: string, figure: string) => number): string {
  const of = (figure: string) => one(median('watched', figure))
  return [
    '## Units\n',
    "What docs/scale.md counts with. A token's share, in µs of processor time, of 1,000 runs of 20 tokens a second, each token a",
    'write of its own:\n',
    table(
      ['owner: the log and its writes', 'another instance that watches', 'Redis'],
      [[of('ownerCpu'), of('viewerCpu'), of('redisCpu')]],
    ),
  ].join('\n')
}
