import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import stringWidth from 'string-width'
import { predict } from '../src/core/predictor.ts'
import { program } from '../src/core/program.ts'
import { frame } from '../src/core/schemas.ts'
import { folderOf, programText } from './support/program-files.ts'
import { oneCall, retold, tooLong } from './support/programs.ts'
import { Service } from './support/service.ts'
import { Terminal } from './support/terminal.ts'
import { type Exchange, echo, type Script, Upstream } from './support/upstream.ts'

const ASK = 'src/console/ask.ts'
const root = fileURLToPath(new URL('../', import.meta.url))

async function upstream(t: TestContext, script: Script = echo): Promise<Upstream> {
  const started = await Upstream.start(script)
  t.after(() => started.close())
  return started
}

/** Answers with a text for one field and with the echo for all others. */
const saying = (field: string, text: string): Script => {
  return (exchange, upstream) =>
    exchange.field === field ? exchange.answer({ reasoning: 'r', [field]: text }) : echo(exchange, upstream)
}

const timeless = (line: string) => line.replace(/\d+\.\d s/g, 'N s').replace(/ +/g, ' ')

/** Runs the console without a terminal. */
async function pipe(args: readonly string[], env: Record<string, string>, input = '') {
  const child = spawn(process.execPath, [ASK, ...args], { cwd: root, env: { ...process.env, ...env } })
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([
    readAll(child.stdout),
    readAll(child.stderr),
    once(child, 'close'),
  ])
  return { stdout, stderr, code: code as number }
}

test('on a terminal each predictor has a row that is updated in place, and the answer stands below as a text', async (t) => {
  const held: Exchange[] = []
  const up = await upstream(t, (exchange) => {
    exchange
      .open()
      .delta(`[[ ## reasoning ## ]]\nr\n\n[[ ## ${exchange.field} ## ]]\nso ${exchange.field} begins`)
    held.push(exchange)
  })
  const terminal = new Terminal(t, [ASK, 'why?'], { OPENAI_BASE_URL: up.url, OPENAI_MODEL: 'some-model' })
  // A look at the terminal may come between the rows of one drawing.
  const begun = await terminal.until(
    (lines) => /\[evidence\.probe\].*so evidence begins/.test(lines[2] ?? '') && lines.length > 3,
  )
  assert.match(begun[0] as string, /^some-model$/)
  assert.match(begun[1] as string, /^\S \[ideas\.brainstorm\] +\d+\.\d s {2}so brainstorm begins$/)
  assert.match(begun[3] as string, /^· \[compose\] +waits for ideas\.brainstorm and evidence\.probe$/)
  assert.equal(begun.length, 4)

  for (const exchange of held) exchange.delta(' and ends').finish()
  const written = await terminal.until(
    (lines) => lines.includes('so answer begins') && /^\S \[compose\] +\d+\.\d s$/.test(lines.at(-1) ?? ''),
  )
  assert.deepEqual(written.slice(1, -1).map(timeless), [
    '✔ ideas.brainstorm N s · evidence.probe N s',
    '',
    'so answer begins',
    '',
  ])
  held[2]?.delta(' and ends').finish()
  assert.equal(await terminal.exited, 0)
  const ended = await terminal.until((lines) => lines.at(-1)?.startsWith('✔ [compose]') ?? false)
  assert.deepEqual(ended.map(timeless), [
    'some-model',
    '✔ ideas.brainstorm N s · evidence.probe N s',
    '',
    'so answer begins and ends',
    '',
    '✔ [compose] N s',
  ])
  assert.ok(
    terminal.raw.endsWith('\u001b[?25h') ||
      terminal.raw.lastIndexOf('\u001b[?25h') > terminal.raw.lastIndexOf('\u001b[?25l'),
  )
})

test('the newest text stays in view, cut to the terminal, also after a resize', async (t) => {
  const wide = '漢字かなe\u0301👍'.repeat(20)
  const up = await upstream(t, (exchange) => {
    exchange.open().delta(`[[ ## ${exchange.field} ## ]]\n${wide} the end`)
  })
  const terminal = new Terminal(t, [ASK, 'why?'], { OPENAI_BASE_URL: up.url }, 70)
  for (const columns of [70, 50, 90]) {
    terminal.resize(columns, 24)
    await terminal.until((lines) => {
      const rows = lines.filter((line) => /\[.*…/.test(line) && line.endsWith('the end'))
      const fits = rows.every((row) => stringWidth(row) > columns - 5 && stringWidth(row) < columns)
      return rows.length === 2 && fits && lines.length === 4
    })
  }
})

test('a row stays one row where the terminal takes emoji for wider than they are', async (t) => {
  const up = await upstream(t, (exchange) => {
    exchange.open().delta(`[[ ## ${exchange.field} ## ]]\n${'👩‍👩‍👧‍👦'.repeat(60)}`)
  })
  const terminal = new Terminal(t, [ASK, 'why?'], { OPENAI_BASE_URL: up.url })
  await terminal.until((lines) => lines.filter((line) => line.includes('👩')).length === 2)
  await terminal.until((lines) => lines[1]?.includes(' 0.5 s') ?? false) // some drawings later
  assert.equal(terminal.lines.length, 4)
})

test('Ctrl-C ends the models’ streams and leaves the terminal as it was', async (t) => {
  const up = await upstream(t, (exchange) => exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nbegun`))
  const terminal = new Terminal(t, [ASK, 'why?'], { OPENAI_BASE_URL: up.url })
  await terminal.until((lines) => lines.filter((line) => line.endsWith('begun')).length === 2)
  terminal.type('\u0003')
  assert.equal(await terminal.exited, 130)
  await Promise.all(up.exchanges.map(({ closed }) => closed))
  assert.ok(up.exchanges.every(({ wasAborted }) => wasAborted))
  const lines = await terminal.until((lines) => lines.filter((line) => line.startsWith('✖')).length === 3)
  assert.equal(lines.length, 4)
  assert.equal(terminal.cursorLine, 4, 'the cursor stands below the board')
  assert.ok(
    terminal.raw.lastIndexOf('\u001b[?25h') > terminal.raw.lastIndexOf('\u001b[?25l'),
    'the cursor is hidden',
  )
})

const HOSTILE = 'a\u001b[2J\u001b]0;title\u0007b\u009b31mc\u202ed\u0000e\rf'

test('control characters of a model never reach the terminal raw', async (t) => {
  const up = await upstream(t, saying('answer', HOSTILE))
  const terminal = new Terminal(t, [ASK, 'why?'], { OPENAI_BASE_URL: up.url })
  assert.equal(await terminal.exited, 0)
  const lines = await terminal.until((lines) => lines.at(-1)?.startsWith('✔ [compose]') ?? false)
  assert.equal(lines.at(-3), 'a␛[2J␛]0;title␇b\ufffd31mc\ufffdd␀e␍f')
  for (const harmful of ['\u001b[2J', '\u001b]0', '\u009b', '\u202e', '\u0000'])
    assert.ok(!terminal.raw.includes(harmful))
})

test('in a pipe the answer alone goes to standard output', async (t) => {
  const up = await upstream(t)
  const { stdout, stderr, code } = await pipe(['why?'], { OPENAI_BASE_URL: up.url })
  assert.deepEqual([code, stdout], [0, 'answer on why?\n'])
  assert.match(stderr, /^\[ideas\.brainstorm brainstorm\] brainstorm on why\?$/m)
  assert.ok(!stderr.includes('reasoning') && !stderr.includes('\u001b'))
})

test('a question comes from standard input, and --reasoning adds the reasoning', async (t) => {
  const up = await upstream(t)
  const { stdout, stderr } = await pipe(['--reasoning'], { OPENAI_BASE_URL: up.url }, 'why?\n')
  assert.equal(stdout, 'answer on why?\n')
  assert.match(stderr, /^\[compose reasoning\] reasoning on why\?$/m)
})

test('CI, a dumb terminal and one without cells make it plain', async (t) => {
  const up = await upstream(t)
  const env = { OPENAI_BASE_URL: up.url }
  const ask = `"${process.execPath}" ${ASK} why?`
  for (const terminal of [
    new Terminal(t, [ASK, 'why?'], { ...env, CI: '1' }),
    new Terminal(t, [ASK, 'why?'], { ...env, TERM: 'dumb' }),
    new Terminal(t, ['-c', `stty rows 0 cols 0; ${ask}`], env, 80, 24, 'sh'),
  ]) {
    assert.equal(await terminal.exited, 0)
    await terminal.until((lines) => lines.at(-1) === 'answer on why?')
    assert.ok(!terminal.raw.includes('\u001b'))
  }
})

test('--json prints the frames, one a line, with nothing that a terminal would obey', async (t) => {
  const up = await upstream(t, saying('answer', HOSTILE))
  const { stdout, code } = await pipe(['--json', 'why?'], { OPENAI_BASE_URL: up.url })
  const frames = stdout
    .trimEnd()
    .split('\n')
    .map((line) => frame.parse(JSON.parse(line)))
  const last = frames.at(-1)
  assert.ok(code === 0 && last?.type === 'prediction')
  assert.equal(last.data.answer, HOSTILE)
  assert.equal(frames.filter(({ type }) => type === 'usage').length, 3)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
})

test('--url asks a running service, and a run looks the same', async (t) => {
  const service = await Service.start(t)
  const { stdout, stderr, code } = await pipe(['--url', service.url, 'why?'], {})
  assert.deepEqual([code, stdout], [0, 'answer on why?\n'])
  assert.match(stderr, /^gpt-5-mini$/m)
  await service.assertQuiet('ok')
})

test('a row that begins anew is cleared, says why, and counts its attempts', async (t) => {
  const service = await Service.start(t, { program: retold, script: tooLong })
  const terminal = new Terminal(t, [ASK, '--url', service.url, 'why?'], {})
  const second = await service.upstream.request(2)
  const anew = await terminal.until((lines) => lines.some((line) => line.includes('begins anew')))
  const again = anew.find((line) => line.includes('[ask, attempt 2]'))
  assert.match(again ?? '', /^\S \[ask, attempt 2\] +\d+\.\d s {2}The answer begins anew: Say it shorter\.$/)
  second.answer({ reasoning: '', answer: 'brief' })
  assert.equal(await terminal.exited, 0)
  const ended = await terminal.until((lines) => lines.at(-1)?.startsWith('✔ [ask') ?? false)
  assert.deepEqual(ended.slice(1).map(timeless), ['✔ aside N s', '', 'brief', '', '✔ [ask, attempt 2] N s'])
})

test('in a pipe a line says that a text is void', async (t) => {
  const service = await Service.start(t, { program: retold, script: tooLong })
  service.upstream.request(2).then((second) => second.answer({ reasoning: '', answer: 'brief' }))
  const { stdout, stderr, code } = await pipe(['--url', service.url, 'why?'], {})
  assert.equal(stdout, 'brief\n')
  assert.deepEqual(stderr.split('\n').slice(1, -1), [
    '[aside aside] stays',
    '[ask answer] a long answer',
    '[ask] The answer begins anew: Say it shorter.',
    '[ask answer] brief',
  ])
  assert.equal(code, 0)
})

test('--program is the file of a program, or the name of one that is loaded', async (t) => {
  const folder = folderOf(t, { 'mine.ts': programText('mine'), 'folder/other.ts': programText('other') })
  const up = await upstream(t)
  const ask = (args: readonly string[], env: Record<string, string> = {}) =>
    pipe([...args, 'why?'], { OPENAI_BASE_URL: up.url, ...env })
  const mine = join(folder, 'mine.ts')
  const env = { PROGRAM: mine, PROGRAMS: join(folder, 'folder') }
  for (const [args, writer] of [
    [['--program', mine], 'mine answer'],
    [[mine], 'mine answer'],
    [['--program', 'other'], 'other answer'],
    [['--program', 'parallel-composer'], 'compose answer'],
    [[], 'mine answer'],
  ] as const) {
    const { stdout, stderr, code } = await ask(args, args.some((arg) => arg === mine) ? {} : env)
    assert.deepEqual([code, stdout], [0, 'answer on why?\n'], stderr)
    assert.ok(stderr.includes(`[${writer}]`), stderr)
  }
  const unknown = await ask(['--program', 'nobody'], env)
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /^There is no program 'nobody'; there are mine, other, parallel-composer\.\n/)
  const missing = await ask(['--program', `${folder}/nope.ts`])
  assert.deepEqual([missing.code, missing.stderr], [2, `${folder}/nope.ts: there is no such file.\n`])
})

test('--program with --url is the name of one of the service’s programs', async (t) => {
  const service = await Service.start(t, { program: oneCall })
  const { stdout, stderr, code } = await pipe(['--url', service.url, '--program', 'program', 'why?'], {})
  assert.deepEqual([code, stdout], [0, 'answer on why?\n'], stderr)
  const unknown = await pipe(['--url', service.url, '--program', 'a/b?c', 'why?'], {})
  assert.deepEqual(
    [unknown.code, unknown.stderr],
    [1, 'There is nothing at /v1/programs/a%2Fb%3Fc. See /docs.\n'],
  )
})

test('what a program has opened, or throws outside of its run, keeps the console neither open nor from answering', async (t) => {
  const text = `${programText('mine')}
    setInterval(() => {}, 1000)
    setTimeout(() => { throw new Error('stray') })`
  const folder = folderOf(t, { 'mine.ts': text })
  const up = await upstream(t)
  const { stdout, stderr, code } = await pipe([join(folder, 'mine.ts'), 'why?'], { OPENAI_BASE_URL: up.url })
  assert.deepEqual([code, stdout], [0, 'answer on why?\n'], stderr)
  assert.match(stderr, /mine\.ts:5:\d+: outside of the run, the program threw Error: stray\n/)
})

test('TRIBUTARY_API_KEY is the key for --url, and whoever has none or a wrong one is told its name', async (t) => {
  const key = 'key-of-the-console'
  const service = await Service.start(t, { env: { API_KEYS: `console=${key}` } })
  const ask = (env: Record<string, string>) => pipe(['--url', service.url, 'why?'], env)
  for (const env of [{}, { TRIBUTARY_API_KEY: '' }, { TRIBUTARY_API_KEY: 'another' }]) {
    const { stdout, stderr, code } = await ask(env)
    assert.deepEqual(
      [code, stdout, stderr],
      [1, '', 'The service wants a key: set TRIBUTARY_API_KEY to one that it knows.\n'],
    )
  }
  const odd = await ask({ TRIBUTARY_API_KEY: 'kéy' })
  assert.equal(odd.code, 2)
  assert.match(odd.stderr, /^TRIBUTARY_API_KEY: /)
  assert.ok(!odd.stderr.includes('kéy'))

  const { stdout, stderr, code } = await ask({ TRIBUTARY_API_KEY: key })
  assert.deepEqual([code, stdout], [0, 'answer on why?\n'], stderr)
  const [line] = await service.assertQuiet('ok')
  assert.equal(line?.client, 'console')
})

test('the key goes with every request of --url, and into no address', async (t) => {
  const asked: (string | undefined)[][] = []
  const description = {
    inputs: { properties: { question: { type: 'string' } }, required: ['question'] },
    input_types: { question: 'str' },
    predictors: [],
  }
  const server = createServer(({ url, headers }, response) => {
    asked.push([url, headers.authorization])
    if (url === '/v1/program')
      return response.setHeader('content-type', 'application/json').end(JSON.stringify(description))
    if (url === '/readyz') return response.end(JSON.stringify({ model: { provider: 'p', name: 'm' } }))
    return response.setHeader('content-type', 'text/event-stream').end('data: [DONE]\n\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await pipe(['--url', url, 'why?'], { TRIBUTARY_API_KEY: 'k-1' })
  const routes = ['/v1/program', '/readyz', '/v1/stream']
  assert.deepEqual(
    asked,
    routes.map((route) => [route, 'Bearer k-1']),
  )
})

test('--url to something else says what answered instead', async () => {
  const server = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end('<p>hello'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const foreign = await pipe(['--url', url, 'why?'], {})
  assert.deepEqual([foreign.code, foreign.stdout], [1, ''])
  assert.match(foreign.stderr, /isn't a Tributary service: it answered with status 200 and text\/html\.\n$/)
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
  const nobody = await pipe(['--url', url, 'why?'], {})
  assert.deepEqual(
    [nobody.code, nobody.stderr],
    [1, `Nothing answers at ${url}. Is the service running there?\n`],
  )
})

test('a run that fails says so in one line', async (t) => {
  const up = await upstream(t, (exchange) => exchange.refuse(401))
  const { stdout, stderr, code } = await pipe(['why?'], { OPENAI_BASE_URL: up.url })
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /\n(ideas\.brainstorm|evidence\.probe): .*Check OPENAI_API_KEY .*\(upstream_auth\)\n$/)
})

test('wrong words are answered with the usage', async () => {
  for (const [args, complaint] of [
    [[], 'There is no question.'],
    [['--frob', 'why?'], "Unknown option '--frob'"],
    [['--url', 'nonsense', 'why?'], "--url needs an address such as http://127.0.0.1:8000, not 'nonsense'."],
  ] as const) {
    const { stdout, stderr, code } = await pipe(args, {})
    assert.deepEqual([code, stdout], [2, ''])
    assert.ok(stderr.includes(complaint) && stderr.includes('Usage: npm run ask'), stderr)
  }
  const wrong = await pipe(['why?'], { LM: 'nonsense', PORT: 'x' })
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /\n {2}PORT: .*\n {2}LM: /)
})

const invoice = program(
  'text: str, limit: int, lang: Literal["en", "3"], tags: list[str], hint: Optional[str], history: History -> total: int, note: str',
  { read: predict('text: str, limit: int -> total: int') },
  async ({ read }, { text, limit, lang, tags, hint, history }) => {
    const { total } = await read({ text, limit })
    return { total, note: JSON.stringify([text, limit, lang, tags, hint, history]) }
  },
)

const typed = (t: TestContext) =>
  Service.start(t, { program: invoice, script: (exchange) => exchange.answer({ total: '7' }) })

test('--input gives each input, as text or JSON by its type', async (t) => {
  const service = await typed(t)
  const args = ['--input', 'limit=3', '--input', 'tags=["a=b"]', '--input', 'lang=3', '--input', 'hint=12']
  const { stdout, stderr, code } = await pipe(['--url', service.url, ...args, '--input', 'text= {} '], {})
  assert.equal(code, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), { total: 7, note: '["{}",3,"3",["a=b"],"12",[]]' })
  assert.match(stderr, /^\[read total\] 7$/m)
  await service.assertQuiet('ok')
})

test('what the command line leaves out comes from standard input as JSON', async (t) => {
  const service = await typed(t)
  const given = { text: 'ACME', limit: 2, lang: 'en', tags: [], history: [{ text: 'T', total: '1' }] }
  const { stdout, stderr, code } = await pipe(
    ['--url', service.url, '--input', 'limit=3'],
    {},
    JSON.stringify(given),
  )
  assert.equal(code, 0, stderr)
  assert.equal(JSON.parse(stdout).note, '["ACME",3,"en",[],null,[{"text":"T","total":"1"}]]')
  for (const input of ['not JSON', '[]', 'null', '"text"']) {
    const wrong = await pipe(['--url', service.url], {}, input)
    assert.deepEqual([wrong.code, wrong.stdout], [2, ''])
    assert.match(wrong.stderr, /^Standard input isn't a JSON object like \{"text": …, "limit": …, .*\}\.\n$/)
  }
})

test('standard input is the text of a program with a single one', async (t) => {
  const summary = program(
    'text: str -> summary: str',
    { solo: predict('text -> summary') },
    ({ solo }, inputs) => solo(inputs),
  )
  const script: Script = (exchange) => exchange.answer({ summary: `Short for ${exchange.input('text')}` })
  const service = await Service.start(t, { program: summary, script })
  const { stdout } = await pipe(['--url', service.url], {}, '{"a": 1}\n')
  assert.equal(stdout, 'Short for {"a": 1}\n')
  const { stderr, code } = await pipe(['--url', service.url], {})
  assert.equal(code, 2)
  assert.match(stderr, /^text \(str\) is missing\.\n/)
})

test('what is missing or wrong is said in a line for each input', async (t) => {
  const service = await typed(t)
  const ask = async (...args: string[]) => {
    const { stdout, stderr, code } = await pipe(['--url', service.url, ...args], {})
    assert.deepEqual([code, stdout], [2, ''])
    return stderr
  }
  assert.equal(
    await ask('--input', 'lang=en'),
    `text (str) is missing.
limit (int) is missing.
tags (list[str]) is missing.
Give inputs as --input name=value, or as a JSON object on standard input.
`,
  )
  const wrong = await ask('--input', 'limit=3.5', '--input', 'lang=fr', '--input', 'tags=["a", 1]', 'ACME')
  assert.deepEqual(wrong.split('\n').slice(1, -1), [
    'limit (int): expected int, received number',
    'lang (Literal["en", "3"]): Invalid option: expected one of "en"|"3"',
    'tags (list[str]): item 2: expected string, received number',
  ])
  assert.match(
    await ask('--input', 'colour=red'),
    /^The program has no input 'colour'. It has text \(str\), /,
  )
  assert.match(await ask('--input', 'text=a', 'ACME'), /^An input is given twice\.\n/)
  assert.match(await ask('--input', '=3'), /^--input needs a name and a value, such as limit=3, not '=3'\.\n/)
  assert.equal(service.upstream.exchanges.length, 0)
})

test('inputs are checked in this process as in a service', async (t) => {
  const env = { MAX_QUESTION_CHARS: '5' }
  const service = await Service.start(t, { env })
  const here = { OPENAI_BASE_URL: service.upstream.url, OPENAI_MODEL: 'gpt-5-mini', ...env }
  for (const [args, input] of [
    [['too long'], ''],
    [['--input', 'question=  '], ''],
  ] as const) {
    const [local, remote] = [
      await pipe(args, here, input),
      await pipe(['--url', service.url, ...args], {}, input),
    ]
    assert.deepEqual(local, remote)
    assert.deepEqual([local.code, local.stdout], [2, ''])
    assert.match(
      local.stderr,
      /\nquestion \(str\): (at most 5 characters are taken|write something for question)\n$/,
    )
  }
  assert.equal(service.upstream.exchanges.length, 0)
})

const TAGGED = `
  import { predict, program } from 'tributary'
  const signature = 'tags: list[str] -> answer'
  export default program(signature, { mine: predict(signature) }, ({ mine }, inputs) => mine(inputs))`

test('more faults than are named are counted, and a refusal draws no board', async (t) => {
  const service = await typed(t)
  const mine = join(folderOf(t, { 'mine.ts': TAGGED }), 'mine.ts')
  const tags = ['--input', `tags=[${'1,'.repeat(11)}1]`]
  const others = ['--input', 'limit=3', '--input', 'lang=en', 'ACME']
  const local = { OPENAI_BASE_URL: service.upstream.url }
  for (const [args, env] of [
    [['--url', service.url, ...tags, ...others], {}],
    [[mine, ...tags], local],
  ] as const) {
    const { stderr, code } = await pipe(args, env)
    const terminal = new Terminal(t, [ASK, ...args], env)
    assert.equal(await terminal.exited, 2)
    const shown = await terminal.until((lines) => lines.at(-1) === '… and 2 more')
    assert.deepEqual([code, stderr], [2, `${shown.join('\n')}\n`])
    assert.deepEqual(
      [shown.length, shown[10]],
      [12, 'tags (list[str]): item 10: expected string, received number'],
    )
    assert.ok(!terminal.raw.includes('\u001b'))
  }
  assert.equal(service.upstream.exchanges.length, 0)
})

test('a question is the only text of a program without an input of that name', async (t) => {
  const service = await typed(t)
  const args = ['--input', 'limit=3', '--input', 'lang=en', '--input', 'tags=[]', 'ACME', 'Ltd']
  const terminal = new Terminal(t, [ASK, '--url', service.url, ...args], {})
  assert.equal(await terminal.exited, 0)
  const lines = await terminal.until((lines) => lines.at(-1) === '}')
  assert.match(lines[1] as string, /^✔ \[read\] +\d+\.\d s {2}7$/)
  assert.ok(lines.join('').includes('[\\"ACME Ltd\\",3,'), 'the answer is the prediction')
})

test('--help prints the usage', async () => {
  const { stdout, stderr, code } = await pipe(['--help'], {})
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^Usage: npm run ask -- \[options\] "question"\n/)
  assert.match(stdout, /\n {2}--input <name>=<value> /)
})

test('a reader that has read enough ends it quietly', async (t) => {
  const up = await upstream(t)
  const command = `"${process.execPath}" ${ASK} --json why? | head -n 1`
  const child = execFile('sh', ['-c', command], {
    cwd: root,
    env: { ...process.env, OPENAI_BASE_URL: up.url },
  })
  const [stdout, stderr] = await Promise.all([
    readAll(child.stdout as NodeJS.ReadableStream),
    readAll(child.stderr as NodeJS.ReadableStream),
  ])
  assert.match(stdout, /^\{"type":"status".*\}\n$/)
  assert.equal(stderr, '')
})
