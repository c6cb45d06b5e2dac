/** The page: a form for what the program is asked, the runs that it starts, and what shows both. */
import { inputsOf, type ProgramDescription } from '../client/index.ts'
import { Announcer } from './announcer.ts'
import { JumpLink } from './answer-in-view.ts'
import { AskForm, type Inputs } from './ask-form.ts'
import { Conversation } from './conversation.ts'
import { byId } from './dom.ts'
import { takeDroppedFiles } from './files/file-drop.ts'
import { ForDevelopers } from './for-developers.ts'
import { FoundRuns } from './found-runs.ts'
import { HistoryPanel } from './history/history-panel.ts'
import { keepRun } from './history/recorder.ts'
import { RunStore } from './history/run-store.ts'
import { KeyBox, wantsKey } from './key-box.ts'
import { forgetLinkedQuestion, linkedQuestion } from './linked-question.ts'
import { switchTexts } from './markdown/text-switch.ts'
import { showModel } from './model-label.ts'
import { noticeOfEnd, noticeOfSilence } from './notice.ts'
import { onReturn } from './on-return.ts'
import { PageNotice } from './page-notice.ts'
import { Programs } from './programs.ts'
import { Reader } from './reader.ts'
import { RecordedRun } from './recorded-run.ts'
import { RecordedRuns } from './recorded-runs.ts'
import { INCLUDE, Run, type Service } from './run.ts'
import { linkedRun, linkTo } from './run-identity.ts'
import type { RunRecord } from './run-record.ts'
import { RunView } from './run-view.ts'
import { type Place, RunsOnPage } from './runs-on-page.ts'
import type { ShownRun } from './shown-run.ts'
import { StageMemory } from './stage-memory.ts'
import { StickToEnd } from './stick-to-end.ts'
import { switchThemes } from './theme.ts'
import { UntoldStops } from './untold-stops.ts'
import { Welcome } from './welcome.ts'

/** Where the service is: next to the page, even when a proxy puts both under a path. */
const url = new URL('.', location.href)

const welcome = new Welcome((question) => askElsewhere({ question }))
const keyBox = new KeyBox()
const notice = new PageNotice()
const forDevelopers = new ForDevelopers()
const pageEnd = new StickToEnd(document.documentElement, document, false)
const announcer = new Announcer(byId('announcements'))
const reader = new Reader()
const jumpLink = new JumpLink()
const store = new RunStore(`tributary ${url.pathname}`)
const memory = new StageMemory()
const runs = new RunsOnPage({ memory, onFrame: render })

const programs = new Programs({ service, onLoad, onChoose })
const form = new AskForm({
  ask,
  stop: () => runs.stop(),
  dismiss: () => runs.dismiss(),
  onInput: showCode,
  lastAsked: () => lastAsked ?? recalled,
})
const conversation = new Conversation((input, turns) => form.setUntyped(input, turns))
const untold = new UntoldStops({
  announcer,
  service,
  isShown: (run) => runs.isShown(run),
  focus: () => form.focus(),
  keep: (run) => keep(run, run.record.frames.length),
})
const recorded = new RecordedRuns({
  runs,
  notice,
  announcer,
  reader,
  service,
  onChange,
  keep,
  viewOf,
  turnTo,
})
const found = new FoundRuns({
  runs,
  store,
  memory,
  notice,
  service,
  describe: (name) => programs.find(name),
  show: (record, where) => recorded.show(record, where),
  keep,
  askForKey,
})

/** What the run that came last was asked, once one has been. */
let lastAsked: Inputs | undefined
/** What was asked last before this page was opened. */
let recalled: Inputs | undefined
let isStarting = false

switchThemes(byId<HTMLButtonElement>('theme'))
switchTexts(byId<HTMLButtonElement>('text-switch'))
showModel(byId('model'), url)
byId('conversation').append(conversation.element)
new HistoryPanel({
  store,
  show: (id) => found.showKept(id, 'alone'),
  showBeside: (id) => found.showKept(id, 'beside'),
  open: (file) => found.openFile(file),
  standingNow: (id) => found.standingNow(id),
  onDelete: (ids) => {
    memory.forget(ids)
    runs.remember()
  },
})
takeDroppedFiles((file) => found.openFile(file))
showCode()
form.suggest(linkedQuestion() ?? '')
form.focus()
load()
store.entries().then(
  ([last]) => {
    recalled = last?.asked.inputs
  },
  () => {},
)
onReturn(loadWhatChanged)

/** Shows the programs before the first question, and the runs that this tab showed before it was reloaded. */
async function load(): Promise<void> {
  try {
    await programs.load()
  } catch (error) {
    if (wantsKey(error)) return askForKey(loadWithKey)
    // Any other error shows when somebody asks. Runs that are kept here need no service.
  }
  if (runs.isEmpty) await found.showAgain(programs.chosen?.name)
}

/** The service may have been started again, with programs that are other ones by now. */
async function loadWhatChanged(): Promise<void> {
  if (await programs.haveChanged()) load()
}

function loadWithKey(): void {
  form.focus()
  load()
}

/** @param goOn repeats what was refused */
function askForKey(goOn: () => void): void {
  keyBox.ask(() => {
    showCode()
    goOn()
  })
}

function onLoad(program: ProgramDescription): void {
  showProgram(program)
  form.suggest(linkedQuestion() ?? '') // the program may have brought the field for it
  const { missing } = programs
  if (missing === undefined) return
  const message = `There is no program “${missing}” here. This is ${program.name}.`
  notice.show({ kind: 'cut', message, mayAskAgain: false })
}

/** Turns to another program. What the last one has written goes. */
function onChoose(program: ProgramDescription): void {
  memory.sought = linkedRun()
  runs.clear()
  lastAsked = undefined
  jumpLink.show(undefined)
  form.show('none', undefined)
  form.refuse(undefined)
  forDevelopers.showEvents([])
  notice.clear()
  welcome.show(true)
  showProgram(program)
  if (memory.sought !== undefined) found.showLinked(memory.sought) // somebody went back to it
}

/** What the page says of a program before it runs. */
function showProgram(program: ProgramDescription): void {
  form.setInputs(inputsOf(program))
  conversation.begin(program)
  welcome.describe(program, form.isQuestion)
}

async function ask(inputs: Inputs, where: Place = 'alone'): Promise<void> {
  if (isStarting || runs.current || runs.ongoing.length > 0) return
  isStarting = true
  form.fill(inputs)
  form.refuse(undefined)
  notice.clear()
  try {
    start(inputs, await programs.ready(), where)
  } catch (error) {
    if (wantsKey(error)) askForKey(() => askElsewhere(inputs))
    else notice.show(noticeOfSilence(error as Error), { askAgain: () => askElsewhere(inputs) })
  } finally {
    isStarting = false
  }
}

/** Asks from a button that disappears when it is pressed, so keyboard focus moves to Stop. */
function askElsewhere(inputs: Inputs, where?: 'beside'): void {
  form.focusButton()
  ask(inputs, where)
}

function start(inputs: Inputs, program: ProgramDescription, where: Place): void {
  const run = new Run({ program, asked: { program: programs.nameToAsk(program), inputs } })
  announcer.begin()
  forgetLinkedQuestion()
  const view = viewOf(run, true)
  lastAsked = inputs
  runs.begin(run, view, where)
  run.ask(service(), () => onChange(run))
  keep(run)
  runs.schedule()
  reader.begin()
  requestAnimationFrame(() => form.showButton()) // once the lanes are there
}

function onChange(run: Run): void {
  runs.schedule()
  untold.look(run)
}

/** @param keptBefore how many of its frames are kept already */
function keep(run: ShownRun, keptBefore = 0): void {
  keepRun(store, run, keptBefore).catch(() => {}) // a browser that keeps nothing shows runs all the same
}

function viewOf(run: ShownRun, isWatched: boolean): RunView {
  const { inputs } = run.record.asked
  const view: RunView = new RunView(run, {
    announcer,
    reader,
    jumpLink,
    isWatched,
    askAgain: () => turnToProgramOf(run.record) && askElsewhere(inputs),
    tryAgain: () => tryAgain(view),
    actions: {
      askBeside: () => turnToProgramOf(run.record) && askElsewhere(inputs, 'beside'),
      play: () => recorded.play(view),
      close: () => {
        run.dismiss()
        runs.close(view)
        form.focus()
        runs.schedule()
      },
      link: () => linkTo(run.record.id, url),
    },
  })
  return view
}

/** Shows everything as it is now. */
function render(): void {
  const ended = runs.update()
  if (ended) end(ended.run, ended.view)
  runs.remember() // a run has its id only once the service has answered
  welcome.show(runs.views.length === 0)
  forDevelopers.showEvents(runs.latest?.run.events ?? [])
  form.show(runs.goesOn, lastAsked)
  runs.place()
  if (runs.views.length > 1) jumpLink.show(undefined) // there are two answers to jump to
  runs.keepUp()
  forDevelopers.keepUp()
  if (reader.hasMoved) pageEnd.keepUp()
}

/** Shows how a run ended. One that never began leaves what was there before, and why it didn't begin. */
function end(run: Run, view: RunView): void {
  const { asked, end } = run.record
  const isShown = runs.views.includes(view)
  if (run.refusal && isShown) runs.close(view)
  const askAgain = () => askElsewhere(asked.inputs)
  if (wantsKey(run.refusal)) askForKey(askAgain)
  else if (wantsKey(run.error)) askForKey(() => tryAgain(view))
  else form.refuse(run.refusal, asked.inputs)
  const { prediction } = run.folding.state
  if (prediction) conversation.goOn({ inputs: asked.inputs, prediction })
  if (!run.refusal && !isShown && end) notice.show(noticeOfEnd(end), { askAgain })
  runs.showTitle()
}

function tryAgain(view: RunView): void {
  recorded.tryAgain(view)
  // The button that was pressed is gone. One that stops a run for everybody isn't to be pressed by mistake.
  if (runs.goesOn === 'others') form.focus()
  else form.focusButton()
}

/** Turns the form to what a run was asked, so that the next question can follow up on it. */
function turnTo(record: RunRecord): void {
  if (!programs.find(record.program.name)) return
  turnToProgramOf(record)
  const { inputs } = record.asked
  lastAsked = inputs
  form.refuse(undefined)
  form.fill(inputs)
  const { prediction } = new RecordedRun(record).folding.state
  conversation.begin(record.program)
  if (prediction) conversation.goOn({ inputs, prediction })
}

/** @returns whether the service has the program that a run is of; it is the chosen one then */
function turnToProgramOf({ program: { name } }: RunRecord): boolean {
  const program = programs.find(name)
  if (!program) {
    const message = `There is no program “${name}” here.`
    notice.show({ kind: 'cut', message, mayAskAgain: false })
    return false
  }
  if (programs.chosen?.name === name) return true
  programs.turnTo(program)
  showProgram(program)
  return true
}

function showCode(): void {
  const { chosen } = programs
  forDevelopers.showCode({
    url,
    program: chosen && programs.nameToAsk(chosen),
    inputs: form.inputsOrExamples,
    include: INCLUDE,
    hasKey: keyBox.key !== undefined,
  })
}

function service(): Service {
  return { url, apiKey: keyBox.key }
}
