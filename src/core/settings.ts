/**
 * What a predictor says of how its model is to write. Whatever is unset is the model's own default, and nothing is sent
 * for it.
 */

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const

export type Settings = {
  /** 0 for the likeliest tokens, up to 2. */
  readonly temperature?: number
  /** Samples from the likeliest tokens that have this probability together: above 0, up to 1. */
  readonly topP?: number
  /** The most that a completion may have, in tokens; hidden reasoning counts. */
  readonly maxTokens?: number
  /** Texts at which the model stops writing; they aren't part of the completion. */
  readonly stop?: readonly string[]
  readonly reasoningEffort?: (typeof EFFORTS)[number]
  /** What else goes into the request's body, under the endpoint's own names. The embedded model has no use for it. */
  readonly extra?: Readonly<Record<string, unknown>>
}

export type SettingsOptions = Omit<Settings, 'stop'> & {
  /** A text at which the model stops writing, or several; they aren't part of the completion. */
  readonly stop?: string | readonly string[]
}

/** Keys of a request's body that `extra` can't have, and why. */
const RESERVED: Readonly<Record<string, string>> = {
  model: 'the role that `lm` names has its model',
  messages: 'the prompt follows from signature, instructions and demos',
  stream: 'every completion is streamed',
  stream_options: 'whoever asks decides about usage',
  n: 'a call has one completion',
  response_format: 'the format of the completion sets it',
  temperature: 'use the option temperature',
  top_p: 'use the option topP',
  max_tokens: 'use the option maxTokens',
  max_completion_tokens: 'use the option maxTokens',
  stop: 'use the option stop',
  reasoning_effort: 'use the option reasoningEffort',
}

/**
 * Checks the settings among a predictor's options: types are stripped from a program, not checked.
 *
 * @returns the ones that are set
 * @throws TypeError that says what to change
 */
export function settingsOf(options: SettingsOptions): Settings {
  const { temperature, topP, maxTokens, reasoningEffort, extra } = options
  const stop = typeof options.stop === 'string' ? [options.stop] : options.stop
  const isNumber = (value: unknown, low: number, high: number) =>
    typeof value === 'number' && value >= low && value <= high
  check('temperature', temperature, (value) => isNumber(value, 0, 2), 'a number from 0 to 2')
  check('topP', topP, (value) => isNumber(value, 0, 1) && value !== 0, 'a number above 0, up to 1')
  check('maxTokens', maxTokens, (value) => Number.isSafeInteger(value) && value >= 1, 'a whole number from 1')
  check(
    'stop',
    stop,
    (value) => Array.isArray(value) && value.length > 0 && value.every(isText),
    'a text or a list of texts, none of them empty',
  )
  check(
    'reasoningEffort',
    reasoningEffort,
    (value) => EFFORTS.includes(value),
    `one of ${EFFORTS.join(', ')}`,
  )
  check('extra', extra, isPlainJson, 'an object of JSON values')
  const reserved = Object.keys(extra ?? {}).find((key) => Object.hasOwn(RESERVED, key))
  if (reserved !== undefined) {
    throw new TypeError(`A predictor's \`extra\` can't have '${reserved}': ${RESERVED[reserved]}.`)
  }
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(stop !== undefined && { stop }),
    ...(reasoningEffort !== undefined && { reasoningEffort }),
    ...(extra !== undefined && { extra }),
  }
}

/**
 * @param needed what the option takes, for the sentence
 * @throws TypeError where the value is set and isn't that
 */
export function check<T>(
  option: string,
  value: T | undefined,
  isRight: (value: T) => boolean,
  needed: string,
): void {
  if (value !== undefined && !isRight(value)) {
    throw new TypeError(`A predictor's \`${option}\` has to be ${needed}.`)
  }
}

const isText = (value: unknown) => typeof value === 'string' && value !== ''

function isPlainJson(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false // a cycle, or a BigInt
  }
}
