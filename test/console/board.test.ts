/** The board and the answer in terminals of several sizes: what a person sees, and what stays in the scroll-back. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import stringWidth from 'string-width'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import { folderOf } from '../support/program-files.ts'
import { oneCall, retold } from '../support/programs.ts'
import { Service } from '../support/service.ts'
import { Terminal } from '../support/terminal.ts'
import { type Exchange, only, Upstream } from '../support/upstream.ts'

const ASK = 'src/console/ask.ts'

const SIZES = [
  [80, 24],
  [40, 10],
  [120, 40],
  [20, 6],
] as const

/** Asks for an answer that the test writes itself, bit by bit. */
async function writing(t: TestContext, columns: number, rows: number, env: Record<string, string> = {}) {
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  const upstream = await Upstream.start(only('answer', (exchange) => resolve(exchange.open())))
  t.after(() => upstream.close())
  const all = { OPENAI_BASE_URL: upstream.url, ...env }
  const terminal = new Terminal(t, [ASK, 'why?'], all, columns, rows)
  const answer = (await promise).delta('[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\n')
  const finish = () => answer.delta('\n\n[[ ## completed ## ]]').finish()
  return { terminal, answer, finish }
}

const isWritten = (lines: readonly string[]) => lines.some((line) => /^✔ \[compose\]/.test(line))

/** Every word once, in its order: what is shown twice or lost is found. */
const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)

for (const [columns, rows] of SIZES) {
  test(`at ${columns} × ${rows}, the answer comes into view as it is written, and is there once at the end`, async (t) => {
    const words = numbered('w', 200)
    const items = numbered('i', 60)
    const { terminal, answer, finish } = await writing(t, columns, rows)
    answer.delta(`${words.slice(0, 150).join(' ')} `)
    await terminal.until((lines) => lines.some((line) => /\bw149\b/.test(line)))
    assert.match(terminal.lines.at(-1) as string, /^\S \[compose\]/, 'its time stands below')
    answer.delta(`${words.slice(150).join(' ')}\n\n`)
    answer.delta(items.map((item) => `- **${item}** of many`).join('\n'))
    await terminal.until((lines) => lines.some((line) => /\bi59\b/.test(line)))
    finish()
    assert.equal(await terminal.exited, 0)
    const lines = await terminal.until(isWritten)
    assert.deepEqual(lines.join('\n').match(/\b[wi]\d+\b/g), [...words, ...items])
    assert.ok(lines.includes('• i60 of many'))
    assert.ok(lines.every((line) => stringWidth(line) < columns))
    assert.match(lines[1] as string, /^✔ ideas\.brainstorm/)
    assert.match(lines.at(-1) as string, /^✔ \[compose\]/)
    assert.equal(terminal.cursorLine, lines.length)
  })

  test(`at ${columns} × ${rows}, hostile text neither moves the cursor nor colours the terminal`, async (t) => {
    const family = '👩‍👩‍👧‍👦'
    const { terminal, answer, finish } = await writing(t, columns, rows)
    answer.delta('a\u001b[2J\u001b[31mb\u001b]0;title\u0007\u009b5A\u202ec\u0000d\re\b\u001b[?1049h\n')
    answer.delta(
      `\tx\ty\n${'漢'.repeat(100)}\n${family.repeat(30)}\n${'long'.repeat(60)}\nz\u200d\u200d${'e\u0301'.repeat(9)}\nend`,
    )
    finish()
    assert.equal(await terminal.exited, 0)
    const lines = await terminal.until(isWritten)
    assert.equal(lines.filter((line) => line === 'end').length, 1)
    assert.equal(terminal.styleOf('␛[31m').colour, undefined)
    assert.equal(lines.join('').match(/漢/g)?.length, 100)
    assert.equal(lines.join('').match(/long/g)?.length, 60)
    assert.equal(terminal.cursorLine, lines.length)
    const harmful = [
      '\u001b[2J',
      '\u001b[31m',
      '\u001b]',
      '\u001b[?1049',
      '\u0000',
      '\u0007',
      '\b',
      '\u009b',
      '\u202e',
    ]
    for (const one of harmful) assert.ok(!terminal.raw.includes(one), JSON.stringify(one))
  })

  test(`at ${columns} × ${rows}, an interruption leaves what was written, once`, async (t) => {
    const words = numbered('w', 80)
    const { terminal, answer } = await writing(t, columns, rows)
    answer.delta(words.join(' '))
    await terminal.until((lines) => lines.some((line) => /\bw80\b/.test(line)))
    terminal.type('\u0003')
    assert.equal(await terminal.exited, 130)
    const lines = await terminal.until((lines) => lines.some((line) => line.startsWith('✖ [compose]')))
    assert.deepEqual(lines.join('\n').match(/\bw\d+\b/g), words)
    assert.equal(terminal.cursorLine, lines.length)
  })
}

test('Markdown has styles, and NO_COLOR takes away the colours alone', async (t) => {
  const shown: string[][] = []
  for (const env of [{}, { NO_COLOR: '1' }]) {
    const { terminal, answer, finish } = await writing(t, 80, 24, env)
    answer.delta('# Title\n\nA **bold** word, an *oblique* one and `code`.')
    finish()
    assert.equal(await terminal.exited, 0)
    const lines = await terminal.until(isWritten)
    shown.push(lines.map((line) => line.replace(/\d+\.\d s/g, 'N s').replace(/ +/g, ' ')))
    const hasColours = !('NO_COLOR' in env)
    assert.equal(terminal.styleOf('code.').colour, hasColours ? 6 : undefined)
    assert.ok(terminal.styleOf('Title').bold && terminal.styleOf('bold').bold)
    assert.ok(terminal.styleOf('oblique').italic)
    const colours = [31, 32, 33, 36].map((sgr) => `\u001b[${sgr}m`)
    assert.equal(
      colours.some((colour) => terminal.raw.includes(colour)),
      hasColours,
    )
  }
  assert.deepEqual(shown[0], shown[1])
  assert.ok(shown[0]?.includes('A bold word, an oblique one and code.'))
})

test('a terminal that becomes narrower or wider gets the answer anew, once', async (t) => {
  const words = numbered('w', 60)
  const { terminal, answer, finish } = await writing(t, 80, 24)
  answer.delta(words.slice(0, 30).join(' '))
  await terminal.until((lines) => lines.some((line) => /\bw30$/.test(line)))
  terminal.resize(50, 24)
  answer.delta(` ${words.slice(30, 45).join(' ')}`)
  await terminal.until((lines) => lines.some((line) => /\bw45$/.test(line)))
  terminal.resize(100, 24)
  answer.delta(` ${words.slice(45).join(' ')}`)
  await terminal.until((lines) => lines.some((line) => /\bw60$/.test(line)))
  finish()
  assert.equal(await terminal.exited, 0)
  const lines = await terminal.until(isWritten)
  assert.deepEqual(lines.join('\n').match(/\bw\d+\b/g), words)
})

test('with standard output in a file, the board stays on the terminal and the file gets the answer exactly', async (t) => {
  const text = '# Title\n\n**bold** \u001b[31m and\ttabs'
  const upstream = await Upstream.start(
    only('answer', (exchange) => exchange.answer({ reasoning: 'r', answer: text })),
  )
  t.after(() => upstream.close())
  const file = join(folderOf(t, { empty: '' }), 'answer.txt')
  const command = `"${process.execPath}" ${ASK} why? > ${file}`
  const terminal = new Terminal(t, ['-c', command], { OPENAI_BASE_URL: upstream.url }, 80, 24, 'sh')
  assert.equal(await terminal.exited, 0)
  const lines = await terminal.until(isWritten)
  assert.equal(lines.length, 4)
  assert.match(lines[3] as string, /^✔ \[compose\] .*# Title \*\*bold\*\* ␛\[31m and tabs$/)
  assert.equal(readFileSync(file, 'utf8'), `${text}\n`)
})

/** For `--import`: the embedded model's engine is found, and never done with loading. */
const HELD = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  const url = 'data:text/javascript,await new Promise(() => {})'
  registerHooks({
    resolve: (name, context, next) =>
      name === 'node-llama-cpp' ? { url, shortCircuit: true } : next(name, context),
  })
`)}`

test('loading is on the board, and Ctrl-C ends it, however long it would take', async (t) => {
  const terminal = new Terminal(t, ['--import', HELD, ASK, 'why?'], { LM: 'local' })
  await terminal.until((lines) => /^\S Loading the model… \d+\.\d s$/.test(lines[1] ?? ''))
  terminal.type('\u0003')
  assert.equal(await terminal.exited, 130)
  const lines = await terminal.until((lines) => lines.length === 1)
  assert.match(lines[0] as string, /^SmolLM2-135M/)
})

test('of more rows than a low terminal has, those with news are shown, and the others counted', async (t) => {
  const many = program(
    {
      a: predict('question -> a_out'),
      b: predict('question -> b_out'),
      c: predict('question -> c_out'),
      d: predict('question -> d_out'),
      e: predict('question -> e_out'),
      f: predict('question -> f_out'),
    },
    async ({ a, b, c, d, e, f }, { question }) => {
      await a({ question })
      const [end] = await Promise.all([b, c, d, e, f].map((part) => part({ question })))
      return end as { b_out: string }
    },
  )
  const service = await Service.start(t, {
    program: many,
    script: (exchange) => {
      if (exchange.field === 'a_out') exchange.answer({ a_out: 'first' })
      else if ('bcd'.includes(exchange.field[0] as string))
        exchange.open().delta(`[[ ## ${exchange.field} ## ]]\nnews`)
    },
  })
  const terminal = new Terminal(t, [ASK, '--url', service.url, 'why?'], {}, 60, 6)
  const lines = await terminal.until((lines) => lines.filter((line) => line.endsWith('news')).length === 3)
  assert.equal(lines.at(-1), '  … 1 waiting, 1 done')
  for (const name of ['b', 'c', 'd'])
    assert.ok(lines.some((line) => new RegExp(`\\[${name}\\] .*news$`).test(line)))
})

test('what lacks, fails or begins anew is said in words and in a colour', async (t) => {
  const cut = await Service.start(t, {
    program: oneCall,
    script: (exchange) =>
      exchange.open().delta('[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\nbegun').finish('length'),
  })
  const first = new Terminal(t, [ASK, '--url', cut.url, 'why?'], {})
  assert.equal(await first.exited, 0)
  const note = '▲ answerer was cut: its model came to its token limit.'
  await first.until((lines) => lines.at(-1) === note)
  assert.equal(first.styleOf(note).colour, 3)

  const again = await Service.start(t, {
    program: retold,
    script: (exchange) => {
      if (exchange.field === 'aside') exchange.answer({ aside: 'stays' })
      else if (exchange.index === 1)
        exchange.open().delta(`[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\n${'long '.repeat(400)}`)
      else exchange.answer({ reasoning: '', answer: 'brief' })
    },
  })
  const second = new Terminal(t, [ASK, '--url', again.url, 'why?'], {})
  await second.until((lines) => lines.filter((line) => line.startsWith('long')).length > 20)
  ;(await again.upstream.request(1)).delta('\n\n[[ ## completed ## ]]').finish()
  assert.equal(await second.exited, 0)
  const lines = await second.until((lines) => lines.at(-1)?.startsWith('✔ [ask, attempt 2]') ?? false)
  const isVoid = '▲ What stands above is void: the answer begins anew.'
  assert.deepEqual(lines.slice(lines.indexOf(isVoid), -1), [isVoid, '', 'brief', ''])
  assert.equal(second.styleOf(isVoid).colour, 3)
})
