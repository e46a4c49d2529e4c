// What one process does of the life of an order: it orders a cart, the shopper pays, the provider's message comes. As a program it ends itself with
// SIGKILL, as a power cut would, at a given step of its ports:
//   node test/life-of-an-order.ts <what, as JSON>
import { randomBytes } from 'node:crypto'
import { isRefusal } from '../src/core/refusal.ts'
import type { Engine } from '../src/engine/engine.ts'
import { CARD, startWorld, type World } from './paying.ts'
import { atStep, type Moment, providerAround, storeAround } from './ports.ts'

/** Whose cart is ordered. */
export interface Life {
  readonly shopId: string
  readonly guestId: string
  readonly cartId: string
}

/** A process that dies. */
export interface Dying extends Life {
  readonly databaseUrl: string
  readonly ahead: number
  readonly at: number
  readonly moment: Moment
}

/** Orders, pays and applies the message with one engine; whatever it throws is thrown. */
export async function live(world: World, engine: Engine, { shopId, guestId, cartId }: Life): Promise<void> {
  const owner = { kind: 'guest' as const, guestId }
  const made = await engine.checkout.order({ shopId, owner, all: false, cartId, by: 'guest' })
  if (isRefusal(made) || !made.payment) return
  const { id: attemptId } = made.payment
  const row = await world.store.reader.db.selectFrom('payments').select('session_id').where('id', '=', attemptId).executeTakeFirst()
  if (!row?.session_id) return
  const { result, session } = await world.sandbox.pay(shopId, row.session_id, CARD)
  if (result !== 'paid') return
  const { id: sessionId, amount, currency } = session
  const eventId = `evt_${randomBytes(8).toString('hex')}`
  await engine.reconciling.receive(shopId, 'sandbox', { eventId, sessionId, attemptId, state: 'paid', amount, currency })
}

if (import.meta.main) {
  const dying = JSON.parse(process.argv[2] ?? '') as Dying
  const dialect = dying.databaseUrl.startsWith('sqlite:') ? 'sqlite' : 'postgres'
  const world = await startWorld(dialect, { databaseUrl: dying.databaseUrl, ahead: dying.ahead })
  const { around, reached } = atStep(dying.at, dying.moment, ['transaction', 'provider'], () => process.kill(process.pid, 'SIGKILL'))
  await live(world, world.engineOn(storeAround(world.store, around), providerAround(world.cards.provider, around)), dying)
  process.exit(reached() ? 1 : 0)
}
