/** `GET /livez`, `GET /readyz`: whether the process serves, and whether it can take a question. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { LM } from '../../core/lm.ts'
import type { ResumableRuns } from '../../runs/resumable-runs.ts'
import type { Runs } from '../../runs/runs.ts'
import { OPEN } from '../keys.ts'

export const liveness = z.object({ status: z.literal('ok') })

const modelInfo = z.object({
  provider: z.string(),
  name: z.string(),
  note: z.string().optional().describe('What not to expect of the model.'),
})

export const readiness = z.object({
  status: z.enum(['ready', 'loading', 'draining']),
  runs: z
    .enum(['available', 'unavailable'])
    .optional()
    .describe('Whether what keeps resumable runs can be reached, where that is not the process itself.'),
  model: modelInfo.describe('The model that answers where a program names no role.'),
  roles: z
    .record(z.string(), modelInfo)
    .optional()
    .describe('The models of the roles that programs name, where they have one of their own.'),
})

export type Readiness = z.infer<typeof readiness>

/** @param isLoaded whether the model can answer */
export function healthRoutes(
  app: FastifyInstance,
  {
    lm,
    runs,
    resumable,
    isLoaded,
  }: { lm: LM; runs: Runs; resumable: ResumableRuns; isLoaded: () => boolean },
): void {
  const roles = lm.roles && Object.fromEntries([...lm.roles].map(([role, { model }]) => [role, model]))

  app.get('/livez', OPEN, (): z.infer<typeof liveness> => ({ status: 'ok' }))

  app.get('/readyz', OPEN, (_request, reply): z.infer<typeof readiness> => {
    const status = runs.isDraining ? 'draining' : isLoaded() ? 'ready' : 'loading'
    reply.status(status === 'ready' ? 200 : 503)
    const { isAvailable } = resumable
    // Plain streams need nothing of it: the service is ready without.
    const kept = isAvailable !== undefined && {
      runs: isAvailable ? ('available' as const) : ('unavailable' as const),
    }
    return { status, ...kept, model: lm.model, ...(roles && { roles }) }
  })
}
