/**
 * What the mock upstream's model writes, and so what a client must receive. Both know it, so that every character can
 * be checked.
 */

/** Tokens as models split text: words with their space, punctuation, line ends, quotes, a little beyond ASCII. */
const VOCABULARY = [
  ...' the| of| and| to| a| in| is| that| for| it| with| as| on| stream| branch| ideas| evidence| at'.split(
    '|',
  ),
  ...' once|,|.|ing|ed|s| which| parallel| answer| token| model| run| be| this| by| from| or| an| are'.split(
    '|',
  ),
  ...' “quoted”| naïve| —| "plain"| C:\\dir|.\n\n|\n- | **bold**|:| (so)|?| 42| not| but| all| what'.split(
    '|',
  ),
]

/**
 * @param count tokens
 * @returns the same tokens each time; the text neither begins nor ends with white space, which a field's value would
 *   lose
 */
export function tokensOf(count: number): string[] {
  let seed = 42
  const tokens = Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0 // a linear congruential generator, as in ISO C's rand
    return VOCABULARY[(seed >>> 16) % VOCABULARY.length] as string
  })
  tokens[0] = 'Once'
  tokens[count - 1] = ' end'
  return tokens
}

/** A paced token: when it was written, in microseconds of the shared clock. */
export const STAMP = /(\d{15});/g
export const stamp = (micros: number) => `${String(micros).padStart(15, '0')};`

/** What a run asks of the upstream. It travels in the question, and so through every contender's prompts. */
export type Script = {
  /** Tokens of each of the run's three completions. */
  readonly tokens: number
  /** Tokens a second of each completion; 0 for as fast as possible. */
  readonly rate: number
  /** Whether the upstream goes silent after these tokens and leaves its stream open. */
  readonly silent?: boolean
  /** Whether paced tokens are words as well, where what they take is measured, and not how long they take. */
  readonly words?: boolean
}

export const questionOf = ({ tokens, rate, silent = false, words = false }: Script) =>
  `bench tokens=${tokens} rate=${rate} silent=${Number(silent)} words=${Number(words)} end`

/** The script in a request's body. */
export function scriptIn(body: string): Script {
  const match = /bench tokens=(\d+) rate=([\d.]+) silent=(\d) words=(\d) end/.exec(body)
  if (!match) throw new Error(`No script in ${body}`)
  return {
    tokens: Number(match[1]),
    rate: Number(match[2]),
    silent: match[3] === '1',
    words: match[4] === '1',
  }
}
