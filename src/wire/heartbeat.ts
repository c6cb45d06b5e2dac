/** Puts a sign of life between items that come too far apart, so that proxies keep the connection open. */

/**
 * @param items passed on as they come
 * @param everyMs how long there may be silence
 * @param beat what is sent then, and after each further `everyMs` of silence
 */
export async function* withHeartbeat<Item>(
  items: AsyncIterable<Item>,
  everyMs: number,
  beat: Item,
): AsyncGenerator<Item> {
  const iterator = items[Symbol.asyncIterator]()
  const silence = Symbol('silence')
  try {
    for (let next = iterator.next(); ; ) {
      let timer: NodeJS.Timeout | undefined
      const tick = new Promise<typeof silence>((resolve) => {
        timer = setTimeout(resolve, everyMs, silence)
      })
      const result = await Promise.race([next, tick])
      clearTimeout(timer)
      if (result === silence) {
        yield beat
        continue
      }
      if (result.done) return
      yield result.value
      next = iterator.next()
    }
  } finally {
    // Not awaited: an iterator that is parked on a read answers only when that read does.
    iterator.return?.()?.catch(() => {})
  }
}
