/**
 * The hand-off from many writers to one reader, in order and bounded. Writers don't await each token: a push returns a
 * promise only when so much is waiting that the writer has to wait too, and the reader takes everything at once.
 */

/**
 * The reader's end of a channel. There is one reader. It waits with a promise, or with a callback where that is
 * faster.
 */
export interface Outlet<Item> extends AsyncIterable<readonly Item[]> {
  /** Items that could be taken now. */
  readonly waiting: number
  /** Whether any of them matches. */
  holds(isLikeThis: (item: Item) => boolean): boolean
  /** Whether the channel is closed and all has been taken. */
  readonly isOver: boolean
  /** @returns everything that waits, which may be nothing */
  takeNow(): readonly Item[]
  /** Calls back once, when something comes or the channel closes. Call it only if nothing waits and it isn't closed. */
  whenMore(callback: () => void): void
}

export class Channel<Item> implements Outlet<Item> {
  readonly #capacity: number
  readonly #sizeOf: (item: Item) => number
  #items: Item[] = []
  #size = 0
  #isClosed = false
  #room: PromiseWithResolvers<void> | undefined
  #wakeReader: (() => void) | undefined

  /**
   * @param capacity how much may wait before writers have to; one push may go beyond it
   * @param sizeOf the size of an item, in the capacity's unit
   */
  constructor(capacity: number, sizeOf: (item: Item) => number) {
    this.#capacity = capacity
    this.#sizeOf = sizeOf
  }

  /**
   * Puts items in line. After {@link close} it does nothing.
   *
   * @returns a promise to await before the next push, or undefined while there is room. It never rejects.
   */
  push(items: readonly Item[]): Promise<void> | undefined {
    if (this.#isClosed) return undefined
    for (const item of items) this.#add(item)
    if (this.#items.length > 0) this.#wake()
    return this.#roomForMore()
  }

  /** The same for a single item, for those that come by the thousand. */
  pushOne(item: Item): Promise<void> | undefined {
    if (this.#isClosed) return undefined
    this.#add(item)
    this.#wake()
    return this.#roomForMore()
  }

  /** Nothing more comes. The reader still gets what waits, and no writer waits any longer. */
  close(): void {
    this.#isClosed = true
    this.#room?.resolve()
    this.#wake()
  }

  get waiting(): number {
    return this.#items.length
  }

  holds(isLikeThis: (item: Item) => boolean): boolean {
    return this.#items.some(isLikeThis)
  }

  get isOver(): boolean {
    return this.#isClosed && this.#items.length === 0
  }

  takeNow(): readonly Item[] {
    const items = this.#items
    this.#items = []
    this.#size = 0
    this.#room?.resolve()
    this.#room = undefined
    return items
  }

  whenMore(callback: () => void): void {
    this.#wakeReader = callback
  }

  /** @returns everything that waits, as soon as there is something; undefined once the channel is closed and empty */
  async take(): Promise<readonly Item[] | undefined> {
    while (this.#items.length === 0) {
      if (this.#isClosed) return undefined
      await new Promise<void>((wake) => this.whenMore(wake))
    }
    return this.takeNow()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Item[]> {
    for (let items = await this.take(); items; items = await this.take()) yield items
  }

  #add(item: Item): void {
    this.#items.push(item)
    this.#size += this.#sizeOf(item)
  }

  #roomForMore(): Promise<void> | undefined {
    if (this.#size <= this.#capacity) return undefined
    this.#room ??= Promise.withResolvers()
    return this.#room.promise
  }

  #wake(): void {
    const wake = this.#wakeReader
    this.#wakeReader = undefined
    wake?.()
  }
}
