/** One call of a tool: inputs -> its function -> frames, and the fields' values as its result. */
import { untilAborted } from '../async/until-aborted.ts'
import type { Values } from './adapters/adapter.ts'
import type { CallContext } from './call.ts'
import type { CallReport } from './call-report.ts'
import { RunError } from './errors.ts'
import { excerpt, Faults } from './fault.ts'
import type { ToolPlace } from './place.ts'
import { ToolError } from './tool.ts'
import { ToolOutput } from './tool-output.ts'
import { ToolStatus } from './tool-status.ts'
import { checkField } from './typed-value.ts'

/** UTF-16 units of what a tool says of its failure. */
const MAX_MESSAGE = 300

/**
 * Calls the tool once. The call is over when its function is, or when nobody waits for it any longer.
 *
 * @param report filled in as the call goes on
 * @returns every output field's value, in signature order
 * @throws RunError `tool_failed` that names the tool; the signal's reason when aborted; `internal` for inputs that the
 *   tool doesn't take
 */
export async function callTool(
  run: CallContext,
  place: ToolPlace,
  call: number,
  inputs: Values,
  report: CallReport,
): Promise<Values> {
  const { signal, emit } = run
  const began = performance.now()
  const elapsed = () => Math.round(performance.now() - began)
  const origin = { predictor: place.name, ...(call > 1 && { call }) }
  const output = new ToolOutput(place.tool, origin, run, report, elapsed)
  const status = new ToolStatus({ module: place.module, ...origin }, emit)
  try {
    const given = checkInputs(place, inputs)
    const context = {
      signal,
      emit: (piece: string) => output.emit(piece),
      status: (message: string) => {
        if (!signal.aborted) status.say(message)
      },
    }
    // In a function of its own, so that what the tool throws at once is like what it throws later.
    const returned = (async () => place.tool.run(given, context as never))()
    const result = await untilAborted(returned, signal)
    if (isGenerator(result)) await output.takeAll(result)
    else await output.take(result)
    return output.values()
  } catch (thrown) {
    if (signal.aborted) throw signal.reason // the end of whoever called it, whatever the tool made of it
    throw failureOf(thrown).at(place.name)
  } finally {
    output.end()
    status.end()
    report.durationMs = elapsed()
  }
}

/** @throws RunError `internal`: what calls a tool is the program itself */
function checkInputs({ name, tool }: ToolPlace, inputs: Values): Values {
  const faults = new Faults()
  const values = tool.inputs.map((field) => [field.name, checkField(field, inputs, faults)])
  if (faults.count === 0) return Object.fromEntries(values)
  throw new RunError('internal', {
    cause: new TypeError(`An input isn't what the tool ${name} takes: ${faults}.`),
  })
}

function failureOf(thrown: unknown): RunError {
  if (thrown instanceof RunError) return thrown
  const message = thrown instanceof ToolError ? excerpt(thrown.message, MAX_MESSAGE) : undefined
  return new RunError('tool_failed', { message, cause: thrown })
}

const isGenerator = (value: unknown): value is AsyncGenerator<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value
