/** A program of one call: then a run is a lane, and its tokens are those of one completion. */
import { predict, program } from 'tributary'

export default program({ answer: predict('question -> answer') }, ({ answer }, { question }) =>
  answer({ question }),
)
