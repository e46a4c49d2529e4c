// The demo's own routes: logging in as anybody, moving the clock, and the demo's pictures. They exist only where the demo is switched on.
import { fileURLToPath } from 'node:url'
import staticFiles from '@fastify/static'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SignJWT } from 'jose'
import Type from 'typebox'
import { CLOSED, Email, Id } from '../contract/schemas.ts'
import { refuse } from '../core/refusal.ts'
import { durationMs, rfc3339 } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import { Refused } from './access.ts'

/** What the demo needs: the secret that only demo shops trust, and a clock that can be moved. */
export interface DemoOptions {
  readonly jwtSecret: string
  readonly imagesFolder: string
  readonly moveClock: (ms: number) => void
}

/** Issuer and audience of demo tokens. */
export const DEMO_ISSUER = { name: 'demo', iss: 'https://demo.cartwright.invalid', aud: 'cartwright-demo' } as const

/** The demo's routes. */
export function demoRoutes(engine: Engine, { jwtSecret, imagesFolder, moveClock }: DemoOptions): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/demo/login',
      {
        config: { access: 'public' },
        schema: {
          tags: ['Demo'],
          summary: 'A token for trying things out',
          body: Type.Object({ accountId: Id, email: Type.Optional(Email) }, CLOSED),
          response: { 200: Type.Object({ token: Type.String() }, CLOSED) },
        },
      },
      async (request) => {
        const { accountId, email } = request.body
        const now = Math.floor(engine.clock.now() / 1000)
        const token = await new SignJWT(email === undefined ? {} : { email, email_verified: true })
          .setProtectedHeader({ alg: 'HS256' })
          .setIssuer(DEMO_ISSUER.iss)
          .setAudience(DEMO_ISSUER.aud)
          .setSubject(accountId)
          .setIssuedAt(now)
          .setExpirationTime(now + 7 * 24 * 3600)
          .sign(new TextEncoder().encode(jwtSecret))
        return { token }
      },
    )

    app.post(
      '/v1/demo/clock',
      {
        config: { access: 'public' },
        schema: {
          tags: ['Demo'],
          summary: 'Move the clock forward, then do what is due',
          body: Type.Object({ advance: Type.String({ maxLength: 40 }) }, CLOSED),
          response: { 200: Type.Object({ now: Type.String() }, CLOSED) },
        },
      },
      async (request) => {
        const ms = durationMs(request.body.advance)
        if (ms === null || !Number.isFinite(ms))
          throw new Refused(refuse('invalid', { path: '/advance', reason: 'not_a_duration', example: 'PT1H' }))
        moveClock(ms)
        await engine.jobs.runDue()
        return { now: rfc3339(engine.clock.now()) }
      },
    )

    await app.register(staticFiles, { root: imagesFolder, prefix: '/demo/images/', index: false, maxAge: '1d', decorateReply: false })
  }
}

/** Where the demo's files are, in a checkout and in the published package alike. */
export function demoFolder(): string {
  return fileURLToPath(new URL('../../demo/', import.meta.url))
}
