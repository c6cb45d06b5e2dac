/** Every variable: its default, its check, and what is said of it when it is wrong. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { variablesOfRole } from '../src/config/roles.ts'
import { ConfigError, readConfig, secretsOf, variableNames } from '../src/config.ts'

const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8')

/** What is wrong with an environment: a line for each fault, without the title. */
function faultsOf(environment: Record<string, string>): string[] {
  try {
    readConfig(environment)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    const [title, ...lines] = error.message.split('\n')
    assert.equal(title, 'The configuration is wrong:')
    return lines
  }
  return assert.fail(`${JSON.stringify(environment)} was accepted`)
}

test('without any variable, the embedded model answers on this machine only', () => {
  assert.deepEqual(readConfig({}), {
    LM: 'local',
    LM_ADAPTER: 'chat',
    OPENAI_MODEL: 'gpt-5-mini',
    HOST: '127.0.0.1',
    PORT: 8000,
    REUSE_PORT: false,
    LOG_LEVEL: 'info',
    HEARTBEAT_MS: 15_000,
    STALL_MS: 30_000,
    DRAIN_MS: 10_000,
    RUN_TIMEOUT_MS: 300_000,
    RUN_RETENTION_MS: 3_600_000,
    RUN_LEASE_MS: 10_000,
    LM_FIRST_TOKEN_TIMEOUT_MS: 60_000,
    LM_IDLE_TIMEOUT_MS: 30_000,
    LM_MAX_RETRIES: 2,
    MAX_STREAMS: 1_000,
    MAX_CONNECTIONS: 2_100,
    MAX_QUESTION_CHARS: 8_000,
    MAX_HISTORY_CHARS: 32_000,
    MAX_COMPLETION_CHARS: 1_000_000,
    MAX_RUN_BYTES: 8_388_608,
    MAX_RUNS_BYTES: 268_435_456,
    roles: {},
  })
})

test('connections follow from streams unless they are set', () => {
  assert.equal(readConfig({ MAX_STREAMS: '10' }).MAX_CONNECTIONS, 120)
  assert.equal(readConfig({ MAX_STREAMS: '10', MAX_CONNECTIONS: '5' }).MAX_CONNECTIONS, 5)
})

test('prices are of models, in dollars for a million tokens in and out', () => {
  assert.deepEqual(readConfig({ PRICES: 'gpt-5-mini=0.25/2, org/a=b=3/15' }).PRICES, {
    'gpt-5-mini': { input: 0.25, output: 2 },
    'org/a=b': { input: 3, output: 15 },
  })
  assert.equal(readConfig({}).PRICES, undefined)
  for (const wrong of ['gpt', 'gpt=1', 'gpt=1/x', '=1/2', 'a=1/2,', 'a=-1/2'])
    assert.match(faultsOf({ PRICES: wrong }).join(), /PRICES: .* isn't a price; write it like/, wrong)
})

test('.env.example lists every variable, and its values are the defaults', () => {
  const lines = [...example.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(
    (match) => match.slice(1) as [string, string],
  )
  assert.deepEqual(lines.map(([name]) => name).sort(), [...variableNames, ...variablesOfRole('fast')].sort())
  assert.deepEqual(readConfig(Object.fromEntries(lines)), readConfig({}))
  for (const [name, value] of lines) {
    const fallback = readConfig({})[name as 'PORT']
    if (value !== '') assert.equal(value, String(fallback), name)
  }
})

test('nothing but the variables is read, and empty ones count as unset', () => {
  assert.deepEqual(readConfig({ PATH: '/bin', PORT: '', LM: ' ', OPENAI_API_KEY: undefined }), readConfig({}))
})

test('a key or an address makes the endpoint answer, and LM decides whatever else is set', () => {
  const url = 'http://localhost:11434/v1'
  assert.equal(readConfig({ OPENAI_API_KEY: 'sk-1' }).LM, 'openai')
  assert.equal(readConfig({ OPENAI_BASE_URL: url }).LM, 'openai')
  assert.equal(readConfig({ OPENAI_BASE_URL: url, LM: 'local' }).LM, 'local')
  assert.equal(readConfig({ OPENAI_API_KEY: 'sk-1', LM: 'openai' }).LM, 'openai')
  assert.match(faultsOf({ LM: 'openai' }).join(), /^ {2}LM: openai needs OPENAI_API_KEY or OPENAI_BASE_URL/)
})

test('origins are a list, or all', () => {
  assert.deepEqual(readConfig({ CORS_ORIGIN: 'https://a.example, http://localhost:5173' }).CORS_ORIGIN, [
    'https://a.example',
    'http://localhost:5173',
  ])
  assert.deepEqual(readConfig({ CORS_ORIGIN: '*' }).CORS_ORIGIN, ['*'])
})

test('hosts are a list in lower case, or all', () => {
  assert.deepEqual(readConfig({ ALLOWED_HOSTS: 'App.example.com, 10.0.0.7,[FD00::7]' }).ALLOWED_HOSTS, [
    'app.example.com',
    '10.0.0.7',
    '[fd00::7]',
  ])
  assert.deepEqual(readConfig({ ALLOWED_HOSTS: '*' }).ALLOWED_HOSTS, ['*'])
})

test('keys have names, and may hold whatever a header can but commas', () => {
  assert.deepEqual(readConfig({ API_KEYS: 'web=aGk=, ci.nightly-2=a=b!"~' }).API_KEYS, [
    { name: 'web', key: 'aGk=' },
    { name: 'ci.nightly-2', key: 'a=b!"~' },
  ])
})

test('what is said of wrong keys repeats none, and neither a name that may be one', () => {
  const secret = 'c2VjcmV0'
  for (const [value, entry] of Object.entries({
    [secret]: 1,
    [`${secret}==`]: 1,
    [`a=${secret}, b=${secret}`]: 2,
    [`a=1,${secret}`]: 2,
    [`${secret}=1,${secret}=2`]: 2,
    [`a b=${secret}`]: 1,
    [`a=${secret} ${secret}`]: 1,
  })) {
    const [line, ...others] = faultsOf({ API_KEYS: value })
    assert.match(line ?? '', new RegExp(`^  API_KEYS: entry ${entry} (needs|has) `), value)
    assert.deepEqual(others, [])
    assert.ok(!line?.includes(secret))
  }
})

test('every key is a secret', () => {
  const config = readConfig({ OPENAI_API_KEY: 'sk-1-2', API_KEYS: 'a=sk-1,b=sk-1-2-3' })
  assert.deepEqual(secretsOf(config), ['sk-1-2', 'sk-1', 'sk-1-2-3'])
  assert.deepEqual(secretsOf(readConfig({})), [])
})

const ENDPOINT = 'https://a.example/v1'

/** A role's model, in an environment with a default endpoint. */
const roleOf = (environment: Record<string, string>, role = 'fast') =>
  readConfig({ OPENAI_BASE_URL: ENDPOINT, OPENAI_API_KEY: 'sk-default', ...environment }).roles[role]

test('what a role leaves out is the default’s, at the same host', () => {
  const model = { provider: 'openai', baseURL: ENDPOINT, apiKey: 'sk-default', headers: { 'x-team': 'blue' } }
  const environment = { LM_HEADERS: '{"X-Team": "blue"}' }
  assert.deepEqual(roleOf({ ...environment, LM_FAST_MODEL: 'small' }), { ...model, model: 'small' })
  assert.deepEqual(roleOf({ ...environment, LM_FAST_API_KEY: 'sk-fast' }), {
    ...model,
    model: 'gpt-5-mini',
    apiKey: 'sk-fast',
  })
  assert.deepEqual(
    roleOf({ ...environment, LM_FAST_BASE_URL: 'https://a.example/other', LM_FAST_HEADERS: '{}' }),
    {
      ...model,
      model: 'gpt-5-mini',
      baseURL: 'https://a.example/other',
      headers: {},
    },
  )
  assert.equal(roleOf(environment), undefined)
  assert.deepEqual(Object.keys(readConfig({ LM_BIG_2_API_KEY: 'sk-1', LM_A_BASE_URL: ENDPOINT }).roles), [
    'big_2',
    'a',
  ])
})

test('the default’s key and headers go to no other host', () => {
  for (const url of ['https://b.example/v1', 'http://a.example/v1', 'https://a.example:8443/v1']) {
    const model = roleOf({ LM_FAST_BASE_URL: url, LM_HEADERS: '{"x-key": "secret"}' })
    assert.deepEqual(model, {
      provider: 'openai',
      model: 'gpt-5-mini',
      baseURL: url,
      apiKey: undefined,
      headers: undefined,
    })
  }
  const own = readConfig({ OPENAI_API_KEY: 'sk-default', LM_FAST_BASE_URL: ENDPOINT }).roles.fast
  assert.equal(own?.provider === 'openai' && own.apiKey, undefined)
})

test('a role has the embedded model where its model is local and nothing says another', () => {
  assert.deepEqual(roleOf({ LM_FAST_MODEL: 'local' }), { provider: 'local' })
  assert.equal(roleOf({ LM_FAST_MODEL: 'local', LM_FAST_BASE_URL: ENDPOINT })?.provider, 'openai')
})

test('every fault of the roles is named beside those of the others, and no value is repeated', () => {
  const faults = faultsOf({
    PORT: 'x',
    OPENAI_BASE_URL: 'nonsense',
    LM_FAST_HEADERS: '{"authorization": "sk-secret"}',
    LM_FAST_API_KEY: 'sk secret',
    LM_BIG_BASE_URL: 'secret',
  })
  assert.deepEqual(
    faults.map((line) => line.trim().split(':', 1)[0]),
    ['PORT', 'OPENAI_BASE_URL', 'LM_FAST_API_KEY', 'LM_FAST_HEADERS', 'LM_BIG_BASE_URL'],
  )
  assert.ok(!faults.join().includes('secret'))
})

test('keys and headers that look like keys are secrets of every role', () => {
  const config = readConfig({
    OPENAI_API_KEY: 'sk-default',
    LM_HEADERS: '{"x-api-key": "short-1", "x-team": "blue"}',
    LM_FAST_API_KEY: 'sk-fast',
    LM_BIG_BASE_URL: ENDPOINT,
    LM_BIG_HEADERS: `{"x-whatever": "${'0123456789'.repeat(3)}"}`,
  })
  assert.deepEqual(secretsOf(config), ['sk-default', 'short-1', 'sk-fast', '0123456789'.repeat(3)])
})

const WRONG_HEADERS = [
  'x-team: blue',
  '[]',
  '"x"',
  'null',
  '{"x-team": 1}',
  '{"x team": "blue"}',
  '{"": "blue"}',
  '{"x-team": "bl\\nue"}',
  '{"x-team": "blü"}',
  '{"x-team": "a", "X-Team": "b"}',
  '{"Authorization": "Bearer x"}',
  '{"content-type": "text/plain"}',
  '{"host": "a.example"}',
]

const wrong: Record<string, string[]> = {
  PORT: ['eighty', '-1', '65536', '8e3', '0x50', '80.5', ' 80'],
  LM: ['gpt', 'OpenAI'],
  LM_ADAPTER: ['xml', 'JSON'],
  OPENAI_API_KEY: ['sk 1', 'sk-ü', 'sk\n1'],
  OPENAI_BASE_URL: [
    'http://user:secret@localhost/v1',
    'localhost:11434',
    'ftp://localhost',
    '/v1',
    'nonsense',
  ],
  LOCAL_THREADS: ['0', 'all'],
  CORS_ORIGIN: ['example.com', 'https://a.example/', 'https://a.example/path', 'null', 'https://a.example,'],
  ALLOWED_HOSTS: ['https://a.example', 'a.example:443', 'a..example', '*.example', 'fd00::7', 'a b', 'a,'],
  API_KEYS: ['key', '=key', 'a=', 'ä=key', 'a b=key', 'a=k k', 'a=ü', 'a=1,', 'a=1,a=2', 'a=1,b=1'],
  LOG_LEVEL: ['loud'],
  HEARTBEAT_MS: ['0', '15s', '2147483648'], // a longer timer would fire at once
  STALL_MS: ['0'],
  DRAIN_MS: ['-1'],
  RUN_TIMEOUT_MS: ['0'],
  RUN_RETENTION_MS: ['0'],
  RUN_LEASE_MS: ['999', '10s'],
  REDIS_URL: ['localhost:6379', 'http://localhost', 'redis'],
  LM_FIRST_TOKEN_TIMEOUT_MS: ['0'],
  LM_IDLE_TIMEOUT_MS: ['0'],
  LM_MAX_RETRIES: ['-1', 'two'],
  MAX_STREAMS: ['0'],
  MAX_QUESTION_CHARS: ['0'],
  MAX_HISTORY_CHARS: ['-1', '1_000'],
  MAX_COMPLETION_CHARS: ['0', '1_000'],
  MAX_COMPLETION_TOKENS: ['0', 'many'],
  MAX_RUN_BYTES: ['0', '8MiB'],
  MAX_RUNS_BYTES: ['0'],
  LM_HEADERS: WRONG_HEADERS,
  LM_FAST_HEADERS: WRONG_HEADERS,
  LM_FAST_BASE_URL: ['http://user:secret@localhost/v1', 'localhost:11434'],
  LM_FAST_API_KEY: ['sk 1', 'sk-ü'],
  LM_BIG_MODEL: ['small'], // no endpoint has it
  LM_DEFAULT_MODEL: ['small'],
}

for (const [name, values] of Object.entries(wrong)) {
  test(`${name} is checked`, () => {
    for (const value of values) {
      const [line, ...others] = faultsOf({ [name]: value })
      assert.match(line ?? '', new RegExp(`^  ${name}: .{10,}`), value)
      assert.deepEqual(others, [])
    }
  })
}

test('the smallest values that make sense are taken', () => {
  const least = { PORT: '0', DRAIN_MS: '0', LM_MAX_RETRIES: '0', STALL_MS: '1', MAX_STREAMS: '1' }
  const config = readConfig(least)
  for (const [name, value] of Object.entries(least)) assert.equal(config[name as 'PORT'], Number(value))
})

test('all wrong variables are named at once, and no value that may be secret', () => {
  const environment = Object.fromEntries(
    Object.entries(wrong).map(([name, [value]]) => [name, value as string]),
  )
  const lines = faultsOf({ ...environment, LM: 'openai', OPENAI_API_KEY: '', OPENAI_BASE_URL: '' })
  const named = Object.keys(wrong).filter((name) => !name.startsWith('OPENAI_'))
  assert.deepEqual(lines.map((line) => line.trim().split(':')[0]).sort(), named.sort())
  assert.ok(!faultsOf({ OPENAI_API_KEY: 'sk secret' }).join().includes('secret'))
})
