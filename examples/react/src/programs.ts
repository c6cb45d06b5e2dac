/** The programs of a service, made by `tributary types`. When a program changes, make it anew. */

export type ParallelComposer = {
  readonly name: 'parallel-composer'
  readonly inputs: {
    /** What to answer. */
    readonly question: string
  }
  readonly outputs: {
    readonly reasoning: string
    readonly answer: string
  }
  readonly predictors: {
    readonly 'ideas.brainstorm': 'reasoning' | 'brainstorm'
    readonly 'evidence.probe': 'reasoning' | 'evidence'
    readonly compose: 'reasoning' | 'answer'
  }
}
