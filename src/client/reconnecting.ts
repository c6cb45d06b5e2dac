/** What can be said about reading a run that outlives its connection. */

/** Why a connection is gone, and when there will be another. */
export type Cut = {
  readonly error: Error
  /** Milliseconds until the next attempt. */
  readonly waitMs: number
}

export type Reconnecting = {
  /** Milliseconds of trying in vain after which connecting again is given up. 2 minutes if left out. */
  readonly reconnectMs?: number | undefined
  /**
   * Milliseconds after which a connection counts as dead that brings nothing, not even a heartbeat. A minute if left out:
   * the service sends a heartbeat every 15 seconds, unless it is told otherwise.
   */
  readonly silenceMs?: number | undefined
  /** Called each time that the connection breaks, or can't be made. */
  readonly onCut?: ((cut: Cut) => void) | undefined
  /** Called when there is a connection again. */
  readonly onReconnect?: (() => void) | undefined
  /**
   * Called with the text of each event as it came, `[DONE]` and frames of unknown types included; and with the event's id,
   * if it has one: `attachRun` takes it as `after`.
   */
  readonly onEvent?: ((data: string, id: string | undefined) => void) | undefined
}
