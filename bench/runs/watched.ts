/** Runs of one instance, all of which one other instance watches. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Effort, Figures } from './cells.ts'
import type { Order, Report } from './part.ts'
import type { Server, Services } from './services.ts'

class Part {
  readonly #child: ChildProcess

  constructor(redis: Server) {
    this.#child = fork(fileURLToPath(new URL('part.ts', import.meta.url)), {
      env: { ...process.env, REDIS_URL: redis.url },
    })
  }

  async told(order: Order): Promise<Report> {
    this.#child.send(order)
    const [report] = await once(this.#child, 'message')
    return report as Report
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}

export async function watched(
  services: Services,
  { windowMs }: Effort,
  { runs, rate }: { readonly runs: number; readonly rate: number },
): Promise<Figures> {
  const redis = await services.redis()
  const [owner, watcher] = [new Part(redis), new Part(redis)]
  try {
    const { ids = [] } = await owner.told({ do: 'own', runs, rate })
    await watcher.told({ do: 'watch', ids })
    await sleep(1_500)
    await redis.command('CONFIG', 'RESETSTAT')
    await Promise.all([owner, watcher].map((one) => one.told({ do: 'mark' })))
    const cpu = redis.cpu
    await sleep(windowMs)
    const reads = await redis.stats('xread')
    const [written, seen] = await Promise.all([owner, watcher].map((one) => one.told({ do: 'report' })))
    const { tokens = Number.NaN, cpu: ownerCpu = Number.NaN } = written ?? {}
    const { p50 = Number.NaN, p99 = Number.NaN, tokens: delivered = 0, cpu: viewerCpu = 0 } = seen ?? {}
    return {
      p50,
      p99,
      delivered: delivered / tokens,
      rate: (tokens * 1_000) / windowMs,
      ownerCpu: ownerCpu / tokens,
      viewerCpu: viewerCpu / tokens,
      redisCpu: (redis.cpu - cpu) / tokens,
      reads: (reads.calls * 1_000) / windowMs,
      microsPerRead: reads.micros,
    }
  } finally {
    owner.stop()
    watcher.stop()
  }
}
