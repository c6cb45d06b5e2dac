/**
 * Screenshots -> one animated PNG (https://www.w3.org/TR/png-3/, 11.3.2 is its animation). Each frame holds what changed,
 * and is transparent elsewhere, so that a page on which a text grows takes little.
 */
import { crc32, deflateSync, inflateSync } from 'node:zlib'

export type Shot = {
  /** A PNG as Chromium makes them: 8 bits, not interlaced. */
  readonly png: Buffer
  /** When it is shown, in milliseconds. */
  readonly at: number
}

type Pixels = { readonly width: number; readonly height: number /** RGBA. */; readonly data: Buffer }
type Box = {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** @param lastMs how long the last picture stands before all begins anew */
export function animated(shots: readonly Shot[], lastMs: number): Buffer {
  const frames: { image: Buffer; box: Box; at: number }[] = []
  let before: Pixels | undefined
  for (const { png, at } of shots) {
    const now = pixelsOf(png)
    const box = before ? changed(before, now) : { left: 0, top: 0, width: now.width, height: now.height }
    if (box) frames.push({ image: compressed(now, box, before), box, at })
    before = now
  }
  const { width = 0, height = 0 } = before ?? {}
  const chunks = [header(width, height), chunk('acTL', numbers(frames.length, 0))]
  let sequence = 0
  for (const [index, { image, box, at }] of frames.entries()) {
    const next = frames[index + 1]
    const ms = Math.min(65_535, Math.round(next ? next.at - at : lastMs))
    chunks.push(control(sequence++, box, ms, index > 0))
    chunks.push(
      index === 0 ? chunk('IDAT', image) : chunk('fdAT', Buffer.concat([numbers(sequence++), image])),
    )
  }
  return Buffer.concat([SIGNATURE, ...chunks, chunk('IEND', Buffer.alloc(0))])
}

function pixelsOf(png: Buffer): Pixels {
  const parts: Buffer[] = []
  let width = 0
  let height = 0
  let channels = 4
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    const body = png.subarray(at + 8, at + 8 + length)
    if (type === 'IHDR') {
      width = body.readUInt32BE(0)
      height = body.readUInt32BE(4)
      const colour = body.readUInt8(9)
      if (body.readUInt8(8) !== 8 || ![2, 6].includes(colour)) throw new Error('Not a PNG of RGB or RGBA.')
      channels = colour === 2 ? 3 : 4
    }
    if (type === 'IDAT') parts.push(body)
    at += length + 12
  }
  const raw = inflateSync(Buffer.concat(parts))
  const stride = width * channels
  const lines = Buffer.alloc(stride * height)
  for (let y = 0; y < height; y++) unfilter(raw, lines, y, stride, channels)
  const data = Buffer.alloc(width * height * 4, 255)
  for (let pixel = 0; pixel < width * height; pixel++)
    lines.copy(data, pixel * 4, pixel * channels, pixel * channels + channels)
  return { width, height, data }
}

/** One line as it was before it was filtered (9.2). */
function unfilter(raw: Buffer, lines: Buffer, y: number, stride: number, channels: number): void {
  const filter = raw[y * (stride + 1)]
  for (let x = 0; x < stride; x++) {
    const to = y * stride + x
    const left = x >= channels ? (lines[to - channels] as number) : 0
    const up = y > 0 ? (lines[to - stride] as number) : 0
    const corner = x >= channels && y > 0 ? (lines[to - stride - channels] as number) : 0
    const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter ?? 0] ?? 0
    lines[to] = (raw[y * (stride + 1) + 1 + x] as number) + guess
  }
}

function paeth(left: number, up: number, corner: number): number {
  const [toLeft, toUp, toCorner] = [
    Math.abs(up - corner),
    Math.abs(left - corner),
    Math.abs(left + up - 2 * corner),
  ]
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** The smallest box around what differs, if anything does. */
function changed(before: Pixels, { width, height, data }: Pixels): Box | undefined {
  let [left, top, right, bottom] = [width, height, -1, -1]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (isSame(before.data, data, (y * width + x) * 4)) continue
      left = Math.min(left, x)
      right = Math.max(right, x)
      top = Math.min(top, y)
      bottom = y
    }
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 }
}

const isSame = (a: Buffer, b: Buffer, at: number) => a.readUInt32LE(at) === b.readUInt32LE(at)

/** The pixels of a box, with those that are as before left out. */
function compressed({ width, data }: Pixels, box: Box, before: Pixels | undefined): Buffer {
  const stride = box.width * 4 + 1 // each line begins with its filter: none
  const lines = Buffer.alloc(stride * box.height)
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const from = ((box.top + y) * width + box.left + x) * 4
      if (before && isSame(before.data, data, from)) continue
      data.copy(lines, y * stride + 1 + x * 4, from, from + 4)
    }
  }
  return deflateSync(lines, { level: 9, memLevel: 9 })
}

/** Big-endian, 4 bytes each. */
function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4)
  return bytes
}

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body])
  return Buffer.concat([numbers(body.length), named, numbers(crc32(named))])
}

/** 8 bits of each of RGBA. */
const header = (width: number, height: number) =>
  chunk('IHDR', Buffer.concat([numbers(width, height), Buffer.from([8, 6, 0, 0, 0])]))

/** Where a frame stands and for how long. It stays there, and is drawn over what was before (or replaces it). */
function control(sequence: number, { width, height, left, top }: Box, ms: number, isOver: boolean): Buffer {
  const delay = Buffer.alloc(4)
  delay.writeUInt16BE(ms, 0)
  delay.writeUInt16BE(1000, 2)
  const place = numbers(sequence, width, height, left, top)
  return chunk('fcTL', Buffer.concat([place, delay, Buffer.from([0, isOver ? 1 : 0])]))
}
