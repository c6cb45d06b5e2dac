import { RecordingError } from '../client/index.ts'

/** A recording can't be read or written; the message names the file, and says why. */
export class FileError extends Error {
  override readonly name = 'FileError'

  /** @param doing such as `read` */
  constructor(path: string, doing: string, cause: Error & { code?: string }) {
    const fault =
      cause instanceof RecordingError
        ? cause.message
        : `it can't be ${doing} (${cause.code ?? cause.message}).`
    super(`${path}: ${fault}`, { cause })
  }
}
