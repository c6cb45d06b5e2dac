/** Merges two async iterables, for libraries that return one for each call. */

/**
 * Merges sources as their items come. Each source's items stay in order, and none waits for another.
 *
 * @throws what a source throws; the others are then ended
 */
export async function* merge<T>(...sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const pull = async (iterator: AsyncIterator<T>) => ({ iterator, result: await iterator.next() })
  const pending = new Map(
    sources.map((source) => {
      const iterator = source[Symbol.asyncIterator]()
      return [iterator, pull(iterator)]
    }),
  )
  try {
    while (pending.size > 0) {
      const { iterator, result } = await Promise.race(pending.values())
      pending.delete(iterator) // and added back at the end: the first of several settled promises wins a race
      if (result.done) continue
      pending.set(iterator, pull(iterator))
      yield result.value
    }
  } finally {
    // Not awaited: a source that is waiting for its model ends only when the model is aborted.
    for (const [iterator, pulled] of pending) {
      pulled.catch(() => {})
      iterator.return?.()?.catch(() => {})
    }
  }
}
