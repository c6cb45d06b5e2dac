/**
 * Runs that outlive their connection: each is written to a log, which any number of readers read from wherever they
 * are, and goes on until it is over or somebody cancels it.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Values } from '../core/adapters/adapter.ts'
import type { Include } from '../core/completion.ts'
import { asRunError, RunError } from '../core/errors.ts'
import type { Frame } from '../core/frame.ts'
import { type CallName, callKey, type Memory } from '../core/memory.ts'
import { signatureOf } from '../core/place.ts'
import type { NamedProgram } from '../core/program.ts'
import { errorFrame } from '../core/streamify.ts'
import type { KeptResult, Lanes } from './entry.ts'
import type { RunHeader } from './header.ts'
import type { Opened, OwnLog, RunStore } from './log.ts'
import { record } from './record.ts'
import { type Replay, replayOf } from './replay.ts'
import type { AdmittedRun, Runs, Slot } from './runs.ts'

/** Owners that a run may have: one that ends whoever takes it up is not to end all of them. */
const MAX_ATTEMPTS = 3

const NOTHING_DONE: Replay = { results: [], kept: [] }

/** The run that has this key was asked something else. */
export class KeyTaken extends Error {
  override readonly name = 'KeyTaken'
}

/** A run that this process has begun to own, for the log. */
export type OwnRun = {
  readonly id: string
  readonly requestId: string
  readonly principal: string | undefined
  readonly run: AdmittedRun
  /** What ended it; undefined where it went well. */
  readonly error: RunError | undefined
  readonly durationMs: number
}

export type ResumableRunsOptions = {
  readonly runs: Runs
  readonly store: RunStore
  readonly programs: readonly NamedProgram[]
  /** Bytes that the log of one run may have. */
  readonly maxSize: number
}

export type Asked = {
  readonly program: NamedProgram
  readonly inputs: Values
  readonly include: Include
  readonly requestId: string
  /** Who alone may read it; undefined where anybody may who knows its id. */
  readonly principal: string | undefined
  /** What the client calls it: asking again with the same key attaches to it. */
  readonly key: string | undefined
  /** What the client calls the conversation that it is a turn of, if it is one. */
  readonly conversation?: string
  /** Whether its readers can take text back. Left out: they can. */
  readonly takesBack?: boolean
}

type Owned = {
  readonly log: OwnLog
  readonly slot: Slot
  /** Settles when the run is over, and its end in the log. */
  readonly over: Promise<void>
  /** Settle when readers in this process have left. */
  readonly readers: Set<Promise<void>>
}

export class ResumableRuns {
  readonly #options: ResumableRunsOptions
  /** Those that this process owns. */
  readonly #own = new Map<string, Owned>()
  /** Called for each run of this process that has ended. */
  onEnd: (run: OwnRun) => void = () => {}

  constructor(options: ResumableRunsOptions) {
    this.#options = options
    const { runs, store } = options
    store.serve({ hasRoom: () => runs.hasRoom, adopt: (log) => this.#adopt(log) })
  }

  /** Whether what keeps the runs can be reached; undefined where that is this process. */
  get isAvailable(): boolean | undefined {
    return this.#options.store.isAvailable
  }

  /**
   * Starts a run, or finds the one that has the key.
   *
   * @returns its log, and whether it has just begun
   * @throws NotAdmitted; KeyTaken; LogUnavailable
   */
  async start(asked: Asked): Promise<Opened & { readonly isNew: boolean }> {
    const { runs, store } = this.#options
    const header = headerOf(asked)
    const slot = runs.admit()
    let created: Awaited<ReturnType<RunStore['create']>>
    try {
      const key = asked.key && digestOf([asked.principal, asked.key])
      created = await store.create(newId(), header, key)
    } catch (error) {
      slot.leave()
      throw error
    }
    if ('existing' in created) {
      slot.leave()
      const opened = await this.open(created.existing, asked.principal)
      if (!opened) return this.start({ ...asked, key: undefined }) // it went in this very moment
      if (opened.tail.header.digest === header.digest) return { ...opened, isNew: false }
      opened.leave()
      throw new KeyTaken()
    }
    this.#run(created, asked.program, slot, NOTHING_DONE)
    const opened = await this.open(created.tail.id, asked.principal)
    return { ...(opened ?? { tail: created.tail, leave: () => {} }), isNew: true }
  }

  /**
   * A run's log, to be read.
   *
   * @returns undefined where there is no such run for this principal
   * @throws LogUnavailable
   */
  async open(id: string, principal: string | undefined): Promise<Opened | undefined> {
    const opened = await this.#options.store.open(id)
    if (!opened) return undefined
    if (opened.tail.header.principal === principal) return this.#counted(opened)
    opened.leave()
    return undefined
  }

  /**
   * The log of a conversation's newest run, to be read.
   *
   * @returns undefined where no run of it is known for this principal
   * @throws LogUnavailable
   */
  async newest(conversation: string, principal: string | undefined): Promise<Opened | undefined> {
    const id = await this.#options.store.newest(conversationOf(principal, conversation))
    return id === undefined ? undefined : this.open(id, principal)
  }

  /**
   * Ends a run, unless it is over. Settles when its end is in the log.
   *
   * @param opened by {@link open}
   * @throws LogUnavailable
   */
  async cancel({ tail }: Opened): Promise<void> {
    const own = this.#own.get(tail.id)
    if (own) {
      own.slot.abort(new RunError('cancelled'))
      await own.over
    } else if (tail.endedAt === undefined) {
      const frames: Frame[] = [errorFrame(new RunError('cancelled'), tail.header.requestId)]
      await this.#options.store.cancel(tail.id, frames)
      while (tail.endedAt === undefined && !tail.isCut) {
        await new Promise<void>((wake) => tail.whenMore(wake))
      }
    }
  }

  /**
   * Ends a run and forgets it.
   *
   * @throws LogUnavailable
   */
  async erase(opened: Opened): Promise<void> {
    await this.cancel(opened)
    await this.#options.store.erase(opened.tail.id)
  }

  /** Lets other processes go on with what is still running here, and readers look for them there. */
  async release(): Promise<void> {
    if (!this.#options.store.isShared) return
    await Promise.all(
      [...this.#own.values()].map(async ({ log, slot, over }) => {
        await log.release()
        slot.abort(new RunError('shutting_down'))
        await over
      }),
    )
  }

  async close(): Promise<void> {
    await this.#options.store.close()
  }

  /** The slot of a run that is over is free when nobody here reads it any longer. */
  #counted({ tail, leave }: Opened): Opened {
    const own = this.#own.get(tail.id)
    if (!own) return { tail, leave }
    const { promise, resolve } = Promise.withResolvers<void>()
    own.readers.add(promise)
    promise.then(() => own.readers.delete(promise))
    return {
      tail,
      leave: () => {
        leave()
        resolve()
      },
    }
  }

  /** Goes on with a run that was somebody else's. */
  #adopt(log: OwnLog): void {
    const { runs, programs } = this.#options
    const { header } = log.tail
    const program = programs.find(({ name }) => name === header.program)
    if (!program || log.attempt > MAX_ATTEMPTS) {
      log.end([errorFrame(new RunError('run_lost'), header.requestId)])
      return
    }
    let slot: Slot
    try {
      slot = runs.admit()
    } catch {
      log.release() // another process may have room for it
      return
    }
    const replay = replayOf(log.tail)
    // Readers may have seen what no log has: whatever isn't kept is void. Without a message, since the run is told anew.
    log.append([{ type: 'reset', keep: [...replay.kept] }], [])
    this.#run(log, program, slot, replay)
  }

  /** @param replay what was done before, by another owner */
  #run(log: OwnLog, { program }: NamedProgram, slot: Slot, replay: Replay): void {
    const { store, maxSize } = this.#options
    const { id, header } = log.tail
    const began = performance.now()
    const readers = new Set<Promise<void>>()
    const memory = store.isShared ? new RunMemory(replay) : undefined
    const run = slot.start(program, header.inputs, {
      id: header.requestId,
      include: header.include,
      elapsedMs: Math.max(0, Date.now() - header.createdAt),
      memory,
      takesBack: header.takesBack ?? true,
    })
    const onLost = () => run.abort(asRunError(log.lost.reason))
    if (log.lost.aborted) onLost()
    else log.lost.addEventListener('abort', onLost, { once: true })
    const over = record(run, log, { maxSize, takeResults: memory && (() => memory.takeNew()) })
      .then(() => run.finished)
      .then((error) => {
        this.#own.delete(id)
        Promise.all(readers).then(() => slot.leave())
        const durationMs = performance.now() - began
        this.onEnd({ id, requestId: header.requestId, principal: header.principal, run, error, durationMs })
      })
    this.#own.set(id, { log, slot, over, readers })
  }
}

/** What a run's calls gave: those of before, and those that the log hasn't yet. */
class RunMemory implements Memory {
  readonly kept: Memory['kept']
  readonly #results: ReadonlyMap<string, KeptResult>
  #new: KeptResult[] = []

  constructor({ results, kept }: Replay) {
    this.kept = kept
    this.#results = new Map(results.map((one) => [callKey(one.predictor, one.call), one]))
  }

  recall(call: CallName, inputs: Values): KeptResult | undefined {
    const known = this.#results.get(callKey(call.predictor, call.call))
    return known?.hash === digestOf(inputs) ? known : undefined
  }

  remember(call: CallName, inputs: Values, result: Pick<KeptResult, 'values' | 'truncated'>): void {
    if (isJson(result.values)) this.#new.push({ ...call, ...result, hash: digestOf(inputs) })
  }

  takeNew(): KeptResult[] {
    const results = this.#new
    this.#new = []
    return results
  }
}

/** Whether a value comes back from JSON as it was: a program's own types may give anything. */
function isJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isJson)
  if (typeof value !== 'object' || 'toJSON' in value) return false
  const prototype = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isJson)
}

/** 128 random bits: whoever knows it may read the run. None begins with a dash, which shells take for an option's. */
function newId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? newId() : id
}

function headerOf(asked: Asked): RunHeader {
  const { program, inputs, include, requestId, principal, conversation, takesBack } = asked
  const { name } = program
  return {
    program: name,
    inputs,
    include,
    createdAt: Date.now(),
    requestId,
    principal,
    digest: digestOf([name, inputs, include]),
    lanes: lanesOf(program),
    ...(conversation !== undefined && { conversation: conversationOf(principal, conversation) }),
    ...(takesBack !== undefined && { takesBack }),
  }
}

const lanesOf = ({ program }: NamedProgram): Lanes =>
  program.places.flatMap((place) =>
    signatureOf(place).outputs.map((field) => [place.name, field.name] as const),
  )

/** Each principal's conversations are its own, whatever it calls them. */
const conversationOf = (principal: string | undefined, conversation: string) =>
  digestOf([principal, conversation])

const digestOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('base64url')
