/**
 * What is thrown outside of any run: in a timer, in an event's listener, in a promise that nobody awaits. A run can't
 * be told from it, and there may be hundreds of others in the process, so a program's fault doesn't end them.
 */
import { isOfOwnCode, placeOfError } from './place-of-error.ts'

/** @property place where in a program's files it was thrown, as far as the stack says */
export type StrayError = { readonly error: unknown; readonly place: string | undefined }

/**
 * Lets the process live on after them. One exception to it: what only this package's own code can have thrown, since
 * nobody knows what state that leaves behind. A forgotten promise is never of that kind: nothing waits for it.
 *
 * @param onStray told of each
 * @param onOwn told of a fault of this package; is to end the process
 */
export function surviveStrayErrors(
  onStray: (stray: StrayError) => void,
  onOwn: (error: Error) => void,
): void {
  process.on('unhandledRejection', (error) => onStray({ error, place: placeOfError(error) }))
  process.on('uncaughtException', (error) => {
    const place = placeOfError(error)
    if (place === undefined && isOfOwnCode(error)) onOwn(error)
    else onStray({ error, place })
  })
}
