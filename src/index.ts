/** What `import … from 'tributary'` gives: what programs are written with. */
export type { History } from './core/field-type.ts'
export { chainOfThought, type Predictor, type PredictorOptions, predict } from './core/predictor.ts'
export {
  type BodyContext,
  type Module,
  type ModuleOptions,
  module,
  type Program,
  type ProgramOptions,
  type ProgramState,
  program,
  type Question,
} from './core/program.ts'
export { type ReactOptions, react } from './core/react.ts'
export type { StatusMessages } from './core/status-text.ts'
export { type Tool, type ToolContext, ToolError, type ToolOptions, tool } from './core/tool.ts'
