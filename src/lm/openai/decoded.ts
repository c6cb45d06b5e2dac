/** Decompresses bodies. Nobody asks for compression, but some gateways compress whatever they pass on. */
import { pipeline, Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { RunError } from '../../core/errors.ts'
import type { AnswerBody } from './post.ts'

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** zlib's error for a body that breaks off although the connection doesn't. */
const ENDED_EARLY = 'Z_BUF_ERROR'

/**
 * @param encoding the answer's `content-encoding`, if it has one
 * @returns the decompressed body; it reads no further ahead than the body itself
 * @throws RunError `upstream_bad_response` for an unknown encoding
 */
export function decoded(body: AnswerBody, encoding = 'identity'): AnswerBody {
  const name = encoding.trim().toLowerCase()
  if (name === 'identity' || name === '') return body
  const decoder = Object.hasOwn(DECODERS, name) ? DECODERS[name]?.() : undefined
  if (!decoder) {
    body.destroy()
    throw new RunError('upstream_bad_response', { cause: new Error(`content-encoding ${encoding}`) })
  }
  let brokeOff: unknown
  async function* encoded(): AsyncGenerator<Buffer> {
    try {
      for (let pieces = await body.read(); pieces; pieces = await body.read()) yield* pieces
    } catch (error) {
      brokeOff = error
      throw error
    }
  }
  // The callback is required, but errors also come out of the iterator.
  const pieces: AsyncIterator<Buffer> = pipeline(Readable.from(encoded()), decoder, () => {}).iterator()
  return {
    async read() {
      try {
        const { value, done } = await pieces.next()
        return done ? undefined : [value]
      } catch (cause) {
        if (cause === brokeOff || (cause as { code?: unknown }).code === ENDED_EARLY) throw cause
        throw new RunError('upstream_bad_response', { cause })
      }
    },
    destroy() {
      body.destroy()
      decoder.destroy()
    },
  }
}
