/**
 * What prompt, parser and grammar share of the format in which a completion is written. It is DSPy's: a line
 * `[[ ## name ## ]]` opens a field, and `[[ ## completed ## ]]` ends the completion.
 */

/** The field that chain of thought puts first, and the lane in which a model's native reasoning travels. */
export const REASONING = 'reasoning'
export type Reasoning = typeof REASONING

/** The fields of each turn of a tool loop, in order. */
export const NEXT_THOUGHT = 'next_thought'
export const NEXT_TOOL_NAME = 'next_tool_name'
export const NEXT_TOOL_ARGS = 'next_tool_args'

/** The tool name that ends a tool loop. */
export const FINISH = 'finish'

/** The marker's name that ends a completion, so no field can have this name. */
export const COMPLETED = 'completed'

/** The marker that opens a field, or with {@link COMPLETED} ends the completion. */
export const marker = (name: string): string => `[[ ## ${name} ## ]]`

/** Whether a field, a predictor or a module can have this name: markers and frames hold names as they are. */
export const isName = (text: string): boolean => /^[A-Za-z_]\w*$/.test(text)
