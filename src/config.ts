/**
 * Every variable of the environment, its default and its check. Nothing else reads the environment; an empty
 * variable counts as unset.
 */
import { z } from 'zod'

const wholeNumber = (min: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+$/, 'a whole number is needed')
    .transform(Number)
    .pipe(
      z
        .number()
        .min(min)
        .max(2 ** 31 - 1),
    )
    .default(fallback)

const ms = (fallback: number) => wholeNumber(1, fallback)

const httpUrl = z.url({
  protocol: /^https?$/,
  error: 'an address such as http://localhost:11434/v1 is needed',
})

/** `*`, or origins as browsers send them: scheme, host, port, and no path. */
const origins = z.string().transform((text, context) => {
  const list = text.split(',').map((origin) => origin.trim())
  for (const origin of list) {
    if (origin !== '*' && !(URL.canParse(origin) && new URL(origin).origin === origin)) {
      context.addIssue(`'${origin}' is no origin; write it like https://app.example.com, or * for all`)
    }
  }
  return list
})

const variables = z
  .object({
    HOST: z.string().default('127.0.0.1'),
    PORT: wholeNumber(0, 8000).pipe(z.number().max(65_535)),
    OPENAI_API_KEY: z
      .string()
      .regex(/^[\x21-\x7e]+$/, 'a key has no spaces and only ASCII characters')
      .optional(),
    OPENAI_BASE_URL: httpUrl.optional(),
    OPENAI_MODEL: z.string().default('gpt-5-mini'),
    LM: z.enum(['openai', 'local']).optional(),
    LOCAL_MODEL: z.string().optional(),
    LOCAL_THREADS: wholeNumber(1, 0).optional(),
    CORS_ORIGIN: origins.optional(),
    LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    HEARTBEAT_MS: ms(15_000),
    STALL_MS: ms(30_000),
    DRAIN_MS: wholeNumber(0, 10_000),
    RUN_TIMEOUT_MS: ms(300_000),
    LM_FIRST_TOKEN_TIMEOUT_MS: ms(60_000),
    LM_IDLE_TIMEOUT_MS: ms(30_000),
    LM_MAX_RETRIES: wholeNumber(0, 2),
    MAX_STREAMS: wholeNumber(1, 1_000),
    MAX_QUESTION_CHARS: wholeNumber(1, 8_000),
    MAX_COMPLETION_CHARS: wholeNumber(1, 1_000_000),
  })
  .transform((values, context) => {
    const hasEndpoint = values.OPENAI_API_KEY !== undefined || values.OPENAI_BASE_URL !== undefined
    if (values.LM === 'openai' && !hasEndpoint) {
      context.addIssue({
        code: 'custom',
        path: ['LM'],
        message:
          'openai needs OPENAI_API_KEY or OPENAI_BASE_URL; set one, or leave LM out for the embedded model',
      })
    }
    return { ...values, LM: values.LM ?? (hasEndpoint ? ('openai' as const) : ('local' as const)) }
  })

export type Config = z.infer<typeof variables>

/** Says of every wrong variable what is wrong with it, a line each. Values aren't repeated: one may be a key. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * @param environment such as `process.env`
 * @throws ConfigError that names every wrong variable
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()))
  const result = variables.safeParse(set)
  if (result.success) return result.data
  const lines = result.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`)
  throw new ConfigError(`The configuration is wrong:\n${lines.join('\n')}`)
}
