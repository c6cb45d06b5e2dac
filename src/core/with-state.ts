/**
 * A program + what DSPy saved of the same program after optimising it -> the program with the saved instructions,
 * descriptions, demos and model settings. What it computes stays its own.
 */
import type { Asking } from './asking.ts'
import { checkDemo, type Demo, isUseful } from './demo.ts'
import { BARE, pointerOf, readSaved, type SavedPredictor, type SavedPredictors } from './dspy-state.ts'
import { Faults, step } from './fault.ts'
import { isName, NEXT_THOUGHT, REASONING } from './format.ts'
import { type Callee, lanesOf, type Place, type PredictorPlace } from './place.ts'
import type { Predictor } from './predictor.ts'
import type { Program } from './program.ts'
import { type Field, namesOf } from './signature.ts'

/** How deep a demo's value may be nested. What is far deeper can't be written into a prompt: the stack runs out. */
const MAX_DEPTH = 100

/**
 * @param json what `program.save('x.json')` wrote, parsed
 * @returns a new program, with no `state` left to apply
 * @throws TypeError that names what doesn't fit, a line each
 */
export function withState(program: Program, json: unknown): Program {
  const faults = new Faults()
  const saved = readSaved(json, faults)
  const predictors = program.places.filter((place) => place.kind === 'predictor')
  const fitting = new Map(
    (saved ? fitAll(predictors, saved, faults) : []).map((place) => [place.name, place]),
  )
  if (faults.count > 0) {
    throw new TypeError(`The saved state doesn't fit the program:\n${faults.lines.join('\n')}`)
  }
  const fitted = (place: Place): Place => fitting.get(place.name) ?? place
  const callees = program.callees.map((callee): Callee => {
    if (callee.kind !== 'composed') return fitted(callee)
    const others = Object.entries(callee.others).map(([name, place]) => [name, fitted(place)])
    return { ...callee, first: fitted(callee.first), others: Object.fromEntries(others) }
  })
  const byName = new Map(callees.map((callee) => [callee.name, callee]))
  return {
    ...program,
    callees,
    places: callees.flatMap(lanesOf),
    state: undefined,
    run: (call, inputs, context) =>
      program.run(({ name }, values) => call(byName.get(name) as Callee, values), inputs, context),
  }
}

function fitAll(places: readonly PredictorPlace[], saved: SavedPredictors, faults: Faults): PredictorPlace[] {
  const strangers = new Set(saved.keys())
  const fitting = places.map((place) => {
    const names = [
      place.name,
      `${place.name}.predict`,
      keyOf(place),
      ...(places.length === 1 ? ['predict', BARE] : []),
    ]
    const key = names.find((one) => saved.has(one))
    if (key === undefined) {
      faults.add('', `the predictor '${place.name}' isn't in it; its key would be '${keyOf(place)}'`)
      return place
    }
    strangers.delete(key)
    const state = saved.get(key)
    return state ? { ...place, predictor: fit(place.predictor, state, pointerOf(key), faults) } : place
  })
  const known = places.map(({ name }) => name).join(', ')
  for (const key of strangers) {
    faults.add(
      pointerOf(key),
      key === BARE
        ? `this is a single predictor, and the program has ${places.length}: ${known}`
        : `the program has no such predictor; it has ${known}`,
    )
  }
  return fitting
}

/** In DSPy chain of thought and ReAct are modules, which have their predictors inside. */
function keyOf({ name, predictor }: PredictorPlace): string {
  switch (predictor.outputs[0]?.name) {
    case REASONING:
      return `${name}.predict`
    case NEXT_THOUGHT:
      return `${name}.react`
    default:
      return name
  }
}

/** @param at the JSON pointer of the state */
function fit(
  predictor: Predictor,
  { signature, demos, lm }: SavedPredictor,
  at: string,
  faults: Faults,
): Predictor {
  const fields = describeAll(
    [...predictor.inputs, ...predictor.outputs],
    signature.fields,
    `${at}/signature/fields`,
    faults,
  )
  return {
    ...predictor,
    inputs: fields.slice(0, predictor.inputs.length),
    outputs: fields.slice(predictor.inputs.length),
    // What DSPy has optimised are turns in text: its instructions and demos say how to write them.
    toolCalling: undefined,
    instructions: signature.instructions.trim() === '' ? predictor.instructions : signature.instructions,
    demos: demos.flatMap((demo, index) => fitDemo(predictor, demo, `${at}/demos/${index}`, faults)),
    ...(lm && { savedModel: lm.model, asking: withSettings(predictor.asking, lm) }),
  }
}

/** The model's settings take the place of the predictor's own. */
function withSettings(asking: Asking, lm: NonNullable<SavedPredictor['lm']>): Asking {
  const settings = {
    ...asking.settings,
    ...(typeof lm.temperature === 'number' && { temperature: lm.temperature }),
    ...(typeof lm.max_tokens === 'number' && { maxTokens: lm.max_tokens }),
  }
  return { ...asking, settings }
}

/** By position, since the file has no names. */
function describeAll(
  fields: readonly Field[],
  saved: SavedPredictor['signature']['fields'],
  at: string,
  faults: Faults,
): readonly Field[] {
  if (saved.length !== fields.length) {
    const names = namesOf(fields).join(', ')
    faults.add(at, `there are ${saved.length} fields, and the program has ${fields.length}: ${names}`)
    return fields
  }
  return fields.map((field, index) =>
    describeOne(field, saved[index]?.description ?? '', `${at}/${index}/description`, faults),
  )
}

/**
 * A field with its saved description. Where there is none, DSPy has `${name}` in its place: then the field keeps its
 * own. That name also tells fields apart that only happen to be as many.
 */
function describeOne(field: Field, saved: string, at: string, faults: Faults): Field {
  const [placeholder, name = ''] = /^\$\{([^{}]*)\}$/.exec(saved) ?? []
  if (isName(name) && name !== field.name) {
    faults.add(at, `the field is called '${name}' here, and '${field.name}' in the program`)
  }
  return placeholder !== undefined || saved.trim() === '' ? field : { ...field, description: saved }
}

/** @returns the demo, without what isn't a field of the predictor; none if that leaves nothing to learn from */
function fitDemo(predictor: Predictor, saved: Demo, at: string, faults: Faults): Demo[] {
  const demo = Object.fromEntries(
    [...predictor.inputs, ...predictor.outputs].flatMap((field) => {
      const value = savedValue(field, saved)
      return value === undefined ? [] : [[field.name, value]]
    }),
  )
  if (!isUseful(predictor, demo)) return []
  const tooDeep = Object.keys(demo).filter((name) => isDeeper(demo[name], MAX_DEPTH))
  for (const name of tooDeep) faults.add(at + step(name), `it is nested more than ${MAX_DEPTH} deep`)
  if (tooDeep.length === 0) checkDemo(predictor, demo, at, faults)
  return [demo]
}

/** DSPy's `None` says that there is no value, except where it may be one; and its History is an object of turns. */
function savedValue({ name, type }: Field, saved: Demo): unknown {
  const value = Object.hasOwn(saved, name) ? saved[name] : undefined
  if (value === null) return type.schema.safeParse(null).success ? null : undefined
  return type.kind === 'history' && typeof value === 'object' && 'messages' in value ? value.messages : value
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1)))
