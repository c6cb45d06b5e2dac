/**
 * The embedded model, cut down to its first block: its tokenizer and its embeddings, a thirtieth of its computing, and
 * no sense. For tests of what the engine does with a model, whatever the model knows.
 */
import { mkdir, open, rename, stat, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { readGgufFileInfo } from 'node-llama-cpp'
import { localWeights } from '../../src/lm/local/weights.ts'

/** Of the 30 that the whole model has. */
const BLOCKS = 1

/**
 * How much it leans towards a full stop. Without it, a sentence goes on for as long as the grammar allows. With more, so
 * many of its tokens are refused by the grammar that a completion takes longer again.
 */
const LEANING = 2

/** Bytes that the place of each tensor in the file is a multiple of. */
const ALIGNMENT = 32

const F32 = 0 // the number of a type in the file

const FOLDER = fileURLToPath(new URL('../../.tools/', import.meta.url))

/** What calls of it name as their model. */
export const CUT_MODEL = 'cut-to-one-block'

type Tensor = {
  readonly name: string
  readonly dimensions: readonly (number | bigint)[]
  readonly ggmlType: number
  readonly data: Buffer
}

/** @returns the path of a GGUF file, which is made the first time, and again when this file has changed */
export async function cutModel(): Promise<string> {
  const path = `${FOLDER}${CUT_MODEL}.gguf`
  const made = await stat(path).catch(() => undefined)
  if (made && made.mtimeMs > (await stat(import.meta.filename)).mtimeMs) return path
  const whole = await localWeights({ log: console.error })
  await mkdir(FOLDER, { recursive: true })
  // Other processes may be making or reading it: it must be there whole or not at all.
  const draft = `${path}.${process.pid}`
  await writeFile(draft, await cut(whole))
  await rename(draft, path)
  return path
}

/** A file has a header, metadata, the list of tensors, and the tensors. Metadata that stay the same keep their bytes. */
async function cut(path: string): Promise<Buffer[]> {
  const { metadata, metadataSize, fullTensorInfo: all = [] } = await readGgufFileInfo(path)
  const file = await open(path)
  const read = async (start: number, end: number) =>
    (await file.read(Buffer.alloc(end - start), 0, end - start, start)).buffer
  const { size } = await file.stat()
  const tensors: Tensor[] = []
  for (const [index, { name, dimensions, ggmlType, fileOffset }] of all.entries()) {
    if (Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? 0) >= BLOCKS) continue
    const data = await read(Number(fileOffset), Number(all[index + 1]?.fileOffset ?? size))
    tensors.push({ name, dimensions, ggmlType, data: padded(data) })
  }
  const head = await read(0, metadataSize)
  await file.close()

  const embeddings = tensors.find(({ name }) => name === 'token_embd.weight') as Tensor
  tensors.push(leaning(embeddings, metadata.tokenizer.ggml.tokens.indexOf('.')))
  head.writeBigUInt64LE(BigInt(tensors.length), 8)
  const key = 'llama.block_count'
  head.writeUInt32LE(BLOCKS, head.indexOf(key) + key.length + 4) // after the value's type
  let offset = 0
  const list = tensors.map(({ name, dimensions, ggmlType, data }) => {
    const at = offset
    offset += data.length
    return [u64(name.length), Buffer.from(name), u32(dimensions.length)].concat(
      dimensions.map(u64),
      u32(ggmlType),
      u64(at),
    )
  })
  return [padded(Buffer.concat([head, ...list.flat()])), ...tensors.map(({ data }) => data)]
}

/** A bias that makes what the last block says a little more like a token, whose logit is then higher. */
function leaning({ dimensions, data }: Tensor, token: number): Tensor {
  const width = Number(dimensions[0])
  const bias = Buffer.alloc(4 * width)
  // The embeddings are Q8_0: a scale of 16 bits for each 32 bytes.
  for (let at = 0; at < width; at++) {
    const block = (token * width + at - (at % 32)) * (34 / 32)
    const scale = new DataView(data.buffer, data.byteOffset).getFloat16(block, true)
    bias.writeFloatLE(LEANING * scale * data.readInt8(block + 2 + (at % 32)), 4 * at)
  }
  return { name: `blk.${BLOCKS - 1}.ffn_down.bias`, dimensions: [width], ggmlType: F32, data: padded(bias) }
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & (ALIGNMENT - 1))])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
