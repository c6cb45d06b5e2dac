/**
 * One run that goes on: frames -> state, until it ends. The service keeps it, so it outlives a connection that breaks and
 * this page, and is read on by its id. What is refused has no run.
 */
import {
  attachRun,
  cancelRun,
  type Frame,
  IncompleteStreamError,
  NotTheServiceError,
  RefusedError,
  readRun,
  streamRun,
} from '../client/index.ts'
import { Folding } from './folding.ts'
import { newRunId } from './run-identity.ts'
import type { RunEnd, RunRecord, TimedFrame } from './run-record.ts'
import type { ShownRun } from './shown-run.ts'

/** The extra frames that the page asks for. */
export const INCLUDE = ['reasoning', 'usage'] as const

/** Milliseconds of trying in vain after which whoever still looks is told, and may try again. */
const RECONNECT_MS = 60_000

/** How often a service is asked again that has never answered: most likely it isn't running. */
const MOST_VAIN = 3

/** Milliseconds in which the service has to hear that a run is to stop. */
const TELL_MS = 10_000

/** Before every event. All of them come then as they came, so that each browser keeps the same frames in the same places. */
const FROM_START = '0-0'

export type Service = { readonly url: URL; readonly apiKey: string | undefined }

type Reading = Pick<
  Parameters<typeof attachRun>[0],
  'signal' | 'reconnectMs' | 'onEvent' | 'onCut' | 'onReconnect'
>

/** A run to ask for, or one of which something is known already. */
type Begun = Pick<RunRecord, 'program' | 'asked'> & Partial<RunRecord>

export class Run implements ShownRun {
  readonly isPlayed = false
  readonly folding: Folding
  readonly events: string[] = []
  /** Set when the service refused to run: nothing has run. */
  refusal: RefusedError | undefined
  /** What ended the reading, if no frame did. */
  error: unknown
  isCut = false
  readonly #begun: Begun
  readonly #askedAt: string
  readonly #frames: TimedFrame[]
  readonly #controller = new AbortController()
  #id: string
  #isKept: boolean
  /** On the browser's clock. */
  #startedAt: number
  /** How long it took, once it is over at the service: later frames only come later. */
  #longest = Number.POSITIVE_INFINITY
  #end: RunEnd | undefined
  #service: Service | undefined
  #onChange = () => {}
  #isTelling = false
  #isLeft = false

  constructor(begun: Begun) {
    const { program, id, isKept = false, askedAt, frames = [] } = begun
    this.#begun = begun
    this.#id = id ?? newRunId()
    this.#isKept = isKept
    this.#askedAt = askedAt ?? new Date().toISOString()
    this.#frames = [...frames]
    this.#startedAt = performance.now() - this.#atLeast(Date.now() - Date.parse(this.#askedAt))
    this.folding = new Folding(program)
    for (const frame of frames) {
      this.events.push(frame.data)
      this.folding.take(frame)
    }
  }

  get record(): RunRecord {
    const { isOthers = false } = this.#begun
    return {
      id: this.#id,
      isKept: this.#isKept,
      isOthers,
      program: this.#begun.program,
      asked: this.#begun.asked,
      askedAt: this.#askedAt,
      frames: this.#frames,
      end: this.#end,
    }
  }

  get now(): number {
    return Math.round(Math.min(performance.now() - this.#startedAt, this.#longest))
  }

  get isOn(): boolean {
    return !this.#isLeft && (this.folding.state.phase === 'running' || this.#isTelling)
  }

  tick(): void {} // its frames are taken as they come, also while nobody looks

  /**
   * Asks, and reads the run to its end. Never throws: what went wrong is in `refusal`, the record's `end` and the state.
   *
   * @param onChange called after every change of the state
   */
  ask(service: Service, onChange: () => void): Promise<void> {
    const onRun = ({ id }: { id: string }) => {
      this.#id = id
      this.#isKept = true
      if (this.#end) this.#tell() // it was stopped before anybody knew which it is
      onChange()
    }
    const asking = { ...this.#begun.asked, include: INCLUDE, resumable: true, onRun }
    return this.#read(service, onChange, (reading) => streamRun({ ...asking, ...reading }))
  }

  /** Reads it on, after the last event that is there, to its end. Never throws, as `ask`. */
  attach(service: Service, onChange: () => void): Promise<void> {
    const address = { ...service, id: this.#id }
    // How long it has run has to be known before its frames come.
    const fetch = async (...request: Parameters<typeof globalThis.fetch>) => {
      await readRun(address).then(
        ({ status, duration_ms }) => this.#setClock(duration_ms, status !== 'running'),
        () => {}, // the stream's answer says why
      )
      return globalThis.fetch(...request)
    }
    const after = this.#frames.at(-1)?.id ?? FROM_START
    return this.#read(service, onChange, (reading) => attachRun({ ...reading, id: this.#id, after, fetch }))
  }

  /** Ends the run: here at once, and at the service as soon as it has been told. */
  stop(): void {
    if (this.folding.state.phase !== 'running') return
    this.#endBy('reader')
    if (this.#isKept) this.#tell()
  }

  /** Tells the service again that it is to stop the run, if it couldn't be told. Never throws: see the record's `end`. */
  async stopAgain(service: Service): Promise<void> {
    if (this.#end?.by !== 'untold') return
    this.#service = service
    this.#end = { ...this.#end, by: 'reader' }
    await this.#tell()
  }

  dismiss(): void {
    if (!this.#begun.isOthers) {
      this.stop()
      return
    }
    this.#endBy('away')
    this.#controller.abort()
  }

  leave(): void {
    this.#isLeft = true
    const isToBeTold = this.#end?.by === 'reader' && !this.#isKept // once the answer says which run it is
    if (!isToBeTold) this.#controller.abort()
  }

  async #read(
    service: Service,
    onChange: () => void,
    open: (reading: Service & Reading) => AsyncIterable<unknown>,
  ): Promise<void> {
    this.#service = service
    this.#onChange = onChange
    const { signal } = this.#controller
    try {
      for await (const _ of open({ ...service, ...this.#reading() })) {
        if (signal.aborted) break
        onChange()
      }
    } catch (error) {
      if (!this.#isLeft) this.#endFor(error)
    }
    this.isCut = false
    onChange()
  }

  #reading(): Reading {
    let vain = 0
    return {
      signal: this.#controller.signal,
      reconnectMs: RECONNECT_MS,
      onEvent: (data, id) => this.#keep(data, id),
      onCut: ({ error }) => {
        const isAnswer = error instanceof RefusedError || error instanceof NotTheServiceError
        if (!this.#isKept && (isAnswer || ++vain > MOST_VAIN)) this.#controller.abort(error)
        this.isCut = true
        this.#onChange()
      },
      onReconnect: () => {
        this.isCut = false
        this.#onChange()
      },
    }
  }

  /** Keeps an event, and folds its frame at the very time that is kept: a record then tells the same run. */
  #keep(data: string, id: string | undefined): void {
    if (this.#end) return
    this.events.push(data)
    const frame = frameIn(data)
    if (!frame) return
    const at = this.now
    this.#frames.push({ at, data, ...(id !== undefined && { id }) })
    this.folding.fold(frame, at)
  }

  async #tell(): Promise<void> {
    this.#controller.abort()
    this.#isTelling = true
    try {
      const signal = AbortSignal.timeout(TELL_MS)
      await cancelRun({ ...(this.#service as Service), id: this.#id, signal })
    } catch (error) {
      const isGone = error instanceof RefusedError && error.status === 404
      if (!isGone && this.#end) this.#end = { ...this.#end, by: 'untold' }
    }
    this.#isTelling = false
    this.#onChange()
  }

  #endFor(error: unknown): void {
    this.error = error
    if (this.#isKept) {
      const isGone = error instanceof RefusedError && error.status === 404
      this.#endBy(isGone ? 'unknown' : 'lost')
      return
    }
    if (error instanceof RefusedError) this.refusal = error
    const message = error instanceof NotTheServiceError ? error.message : undefined
    const wasCut = error instanceof IncompleteStreamError || this.#frames.length > 0
    this.#endBy(wasCut ? 'network' : 'silence', message)
  }

  #endBy(by: RunEnd['by'], message?: string): void {
    if (this.folding.state.phase !== 'running') return
    this.#end = { by, at: this.now, message }
    this.folding.end(this.#end)
  }

  /** @param duration milliseconds that the run has taken, on the service's clock */
  #setClock(duration: number, isOver: boolean): void {
    this.#startedAt = performance.now() - this.#atLeast(duration)
    if (isOver) this.#longest = this.#atLeast(duration)
  }

  /** No frame comes before the one before it, whatever clocks say. */
  #atLeast = (ms: number) => Math.max(0, ms, this.#frames.at(-1)?.at ?? 0)
}

function frameIn(data: string): Frame | undefined {
  try {
    return JSON.parse(data)
  } catch {
    return undefined // such as `[DONE]`
  }
}
