/**
 * Every environment variable, its default and its check. Nothing else reads the environment. An empty variable counts
 * as unset.
 */
import { z } from 'zod'
import { endpointHeaders, endpointKey, endpointUrl, secretsIn } from './config/endpoint.ts'
import { type EndpointConfig, type ModelConfig, readRoles } from './config/roles.ts'

/** A client's key, and the name that stands for it in the log. */
export type ApiKey = { readonly name: string; readonly key: string }

/** The default maximum is a timer's: one set to more would fire at once. */
const wholeNumber = (min: number, max = 2 ** 31 - 1) =>
  z.string().regex(/^\d+$/, 'a whole number is needed').transform(Number).pipe(z.number().min(min).max(max))

const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')

const MIB = 1024 * 1024

const ms = (fallback: number) => wholeNumber(1).default(fallback)

const redisUrl = z
  .string()
  .refine(
    (text) => URL.canParse(text) && ['redis:', 'rediss:', 'unix:'].includes(new URL(text).protocol),
    'an address is needed, such as redis://127.0.0.1:6379, rediss://user:password@host:6379/0 or unix:///run/redis.sock',
  )

/** `*`, or origins as browsers send them: scheme, host, port, and no path. */
const origins = z.string().transform((text, context) => {
  const list = text.split(',').map((origin) => origin.trim())
  for (const origin of list) {
    if (origin !== '*' && !(URL.canParse(origin) && new URL(origin).origin === origin)) {
      context.addIssue(`'${origin}' isn't an origin; write it like https://app.example.com, or * for all`)
    }
  }
  return list
})

/** `*`, or names as they stand in Host headers, without the port. */
const hosts = z.string().transform((text, context) => {
  const list = text.split(',').map((host) => host.trim().toLowerCase())
  for (const host of list) {
    if (host !== '*' && !/^(\[[\da-f:.]+\]|([\w-]+\.)*[\w-]+)$/.test(host)) {
      context.addIssue(`'${host}' isn't a host name; write it like app.example.com, or * for all`)
    }
  }
  return list
})

/**
 * `name=key` for each client. A fault is reported by its position, since a name may be a key whose owner forgot the
 * name.
 */
const apiKeys = z.string().transform((text, context) => {
  const list: ApiKey[] = []
  for (const [index, entry] of text.split(',').entries()) {
    const [, name = '', key = ''] = /^([^=]*)=(.*)$/s.exec(entry.trim()) ?? []
    const fault = faultOfKey({ name, key }, list)
    if (fault) context.addIssue(`entry ${index + 1} ${fault}`)
    list.push({ name, key })
  }
  return list
})

function faultOfKey({ name, key }: ApiKey, before: readonly ApiKey[]): string | undefined {
  if (!/^[\w.-]+$/.test(name)) return 'needs a name of letters, digits, _ . - before its key: name=key'
  // A key of nothing but `=` is the padding of a Base64 key that has no name.
  if (!/^(?!=*$)[\x21-\x7e]+$/.test(key)) return 'needs a key of ASCII characters without spaces: name=key'
  if (before.some((other) => other.name === name)) return 'has the name of another entry'
  if (before.some((other) => other.key === key)) return 'has the key of another entry'
  return undefined
}

/** Dollars for a million tokens. */
export type Price = { readonly input: number; readonly output: number }

/** `model=input/output` for each model. A model's name may have a slash or an equals sign in it. */
const prices = z.string().transform((text, context) => {
  const list: Record<string, Price> = {}
  for (const entry of text.split(',').map((one) => one.trim())) {
    const [, model, input, output] = /^(.+)=(\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)$/.exec(entry) ?? []
    if (model === undefined) {
      context.addIssue(
        `'${entry}' isn't a price; write it like gpt-5-mini=0.25/2, in dollars per million tokens in/out`,
      )
    } else list[model.trim()] = { input: Number(input), output: Number(output) }
  }
  return list
})

const variables = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(8000),
  REUSE_PORT: flag,
  OPENAI_API_KEY: endpointKey.optional(),
  OPENAI_BASE_URL: endpointUrl.optional(),
  OPENAI_MODEL: z.string().default('gpt-5-mini'),
  LM: z.enum(['openai', 'local']).optional(),
  LM_HEADERS: endpointHeaders.optional(),
  LM_ADAPTER: z.enum(['chat', 'json']).default('chat'),
  LOCAL_MODEL: z.string().optional(),
  LOCAL_THREADS: wholeNumber(1).optional(),
  PROGRAM: z.string().optional(),
  PROGRAMS: z.string().optional(),
  DEFAULT_PROGRAM: z.string().optional(),
  PROGRAM_STATE: z.string().optional(),
  CORS_ORIGIN: origins.optional(),
  ALLOWED_HOSTS: hosts.optional(),
  API_KEYS: apiKeys.optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  HEARTBEAT_MS: ms(15_000),
  STALL_MS: ms(30_000),
  DRAIN_MS: wholeNumber(0).default(10_000),
  RUN_TIMEOUT_MS: ms(300_000),
  RUN_RETENTION_MS: ms(3_600_000),
  RUN_LEASE_MS: wholeNumber(1_000).default(10_000),
  REDIS_URL: redisUrl.optional(),
  LM_FIRST_TOKEN_TIMEOUT_MS: ms(60_000),
  LM_IDLE_TIMEOUT_MS: ms(30_000),
  LM_MAX_RETRIES: wholeNumber(0).default(2),
  PRICES: prices.optional(),
  MAX_STREAMS: wholeNumber(1).default(1_000),
  MAX_CONNECTIONS: wholeNumber(1).optional(),
  MAX_QUESTION_CHARS: wholeNumber(1).default(8_000),
  MAX_HISTORY_CHARS: wholeNumber(0).default(32_000),
  MAX_COMPLETION_CHARS: wholeNumber(1).default(1_000_000),
  MAX_COMPLETION_TOKENS: wholeNumber(1).optional(),
  MAX_RUN_BYTES: wholeNumber(1_024).default(8 * MIB),
  MAX_RUNS_BYTES: wholeNumber(1_024, Number.MAX_SAFE_INTEGER).default(256 * MIB),
})

/** The names of all variables. */
export const variableNames: readonly string[] = Object.keys(variables.shape)

type Endpoint = Partial<Pick<z.infer<typeof variables>, 'OPENAI_API_KEY' | 'OPENAI_BASE_URL'>>

const hasEndpoint = ({ OPENAI_API_KEY, OPENAI_BASE_URL }: Endpoint) =>
  OPENAI_API_KEY !== undefined || OPENAI_BASE_URL !== undefined

const configuration = variables
  .refine((values) => values.LM !== 'openai' || hasEndpoint(values), {
    path: ['LM'],
    error: 'openai needs OPENAI_API_KEY or OPENAI_BASE_URL; set one, or leave LM out for the embedded model',
    when: () => true, // even if other variables are wrong, so that one message names them all
  })
  .transform((values) => ({
    ...values,
    LM: values.LM ?? (hasEndpoint(values) ? 'openai' : 'local'),
    // Clients keep theirs open between questions, and health checks need some.
    MAX_CONNECTIONS: values.MAX_CONNECTIONS ?? 2 * values.MAX_STREAMS + 100,
  }))

export type Config = z.infer<typeof configuration> & {
  /** The models of the roles that have one of their own, by the role's name. */
  readonly roles: Readonly<Record<string, ModelConfig>>
}

type EndpointVariables = Partial<Pick<Config, 'OPENAI_API_KEY' | 'OPENAI_BASE_URL' | 'LM_HEADERS'>> &
  Pick<Config, 'OPENAI_MODEL'>

/** The default's endpoint. */
export const endpointOf = (values: EndpointVariables): EndpointConfig => ({
  provider: 'openai',
  model: values.OPENAI_MODEL,
  baseURL: values.OPENAI_BASE_URL,
  apiKey: values.OPENAI_API_KEY,
  headers: values.LM_HEADERS,
})

/** What the service takes of a program's inputs. */
export const inputLimitsOf = ({ MAX_QUESTION_CHARS, MAX_HISTORY_CHARS }: Config) => ({
  maxChars: MAX_QUESTION_CHARS,
  maxHistoryChars: MAX_HISTORY_CHARS,
})

/** Has a line for every wrong variable that says what is wrong. It repeats no values: one may be a key. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * @param environment such as `process.env`
 * @throws ConfigError that names every wrong variable
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()))
  const result = configuration.safeParse(set)
  // If the default's own variables are wrong, the roles' faults depend only on whether they are there.
  const standard = endpointOf(result.data ?? { OPENAI_MODEL: '' })
  const { roles, faults } = readRoles(set, { ...standard, isSet: hasEndpoint(set) })
  if (result.success && faults.length === 0) return { ...result.data, roles }
  const lines = [
    ...(result.error?.issues ?? []).map(({ path, message }) => `  ${path.join('.')}: ${message}`),
    ...faults.map(({ variable, message }) => `  ${variable}: ${message}`),
  ]
  throw new ConfigError(`The configuration is wrong:\n${lines.join('\n')}`)
}

function redisSecretsOf({ REDIS_URL }: Config): string[] {
  const password = REDIS_URL === undefined ? '' : new URL(REDIS_URL).password
  return password === '' ? [] : [...new Set([password, decodeURIComponent(password)])]
}

/** Texts that must not appear in any log line, frame or error. */
export function secretsOf(config: Config): string[] {
  const endpoints = [endpointOf(config), ...Object.values(config.roles)].filter(
    (model) => model.provider === 'openai',
  )
  const secrets = [
    ...endpoints.flatMap(({ apiKey, headers }) => [...(apiKey ? [apiKey] : []), ...secretsIn(headers)]),
    ...redisSecretsOf(config),
    ...(config.API_KEYS ?? []).map(({ key }) => key),
  ]
  return [...new Set(secrets)]
}
