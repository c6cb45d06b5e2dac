/** What `import … from 'tributary'` gives: what programs are written with. */
export type { History } from './core/field-type.ts'
export { chainOfThought, type Predictor, type PredictorOptions, predict } from './core/predictor.ts'
export {
  type BodyContext,
  type Module,
  module,
  type Program,
  type ProgramOptions,
  type ProgramState,
  program,
  type Question,
  type StatusMessages,
} from './core/program.ts'
