/** `.env` in the working directory -> the environment. What the environment has already stays. */
import { readFileSync } from 'node:fs'

const ENV_FILE = '.env'

/** Names with a value, which may be quoted and then go on over several lines, as Node's parser takes them. */
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?[\w.-]+[ \t]*=[ \t]*(?:(["'`])[\s\S]*?\1.*|.*)$/gm

/**
 * Nothing happens if there is no such file.
 *
 * @returns what is wrong with the file, in a line that repeats none of it, since it may hold keys
 */
export function loadEnvFile(): string | undefined {
  let text: string
  try {
    text = readFileSync(ENV_FILE, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? undefined : `${ENV_FILE} can't be read (${code}).`
  }
  // Node skips a line that it can't read, and then a key is missing for no visible reason.
  const others = text.replace(ASSIGNMENT, (lines) => lines.replace(/[^\n]+/g, ''))
  const wrong = others.split('\n').findIndex((line) => !/^\s*(#|$)/.test(line))
  if (wrong !== -1) return `${ENV_FILE}, line ${wrong + 1}: expected NAME=value, or a comment after #.`
  process.loadEnvFile(ENV_FILE)
  return undefined
}
