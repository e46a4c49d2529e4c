// Paying from a balance: a payment provider whose accounts are in our own database. A session is called as its payment, and is paid as soon as it is
// open: the debit is one transaction under the lock of the balance, with the payment's id as its cause, so it happens once however often it is
// asked for. What was debited and not placed is found by the reconciler like any payment.
import { BALANCE_PROVIDER } from '../core/balance.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { type BalanceAddress, closeCause, lockBalance, readEntry } from '../store/balances.ts'
import { readOrder, readPayment } from '../store/orders.ts'
import type { Reader, Store } from '../store/store.ts'
import type { BalanceEntryTable, PaymentTable } from '../store/tables.ts'
import { type Balances, entryOf, type Movement } from './balances.ts'
import type { FactsCache } from './facts.ts'
import { parseOrder } from './orders.ts'
import { type Clock, Declined, type PaymentProvider, type Randomness, RefusedByProvider, type SessionStatus } from './ports.ts'

/** Builds the provider `balance`. */
export function createBalancePayment(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  balances: Balances
}): PaymentProvider {
  const { store, facts, clock, random, balances } = parts

  async function shopOf(shopId: string) {
    const shop = await facts.shop(shopId)
    if (!shop) throw new Error(`There is no shop ${shopId}.`)
    return shop
  }

  /** The payment of a session, and what debits it. */
  async function debitOf(reader: Reader, shopId: string, sessionId: string): Promise<{ payment: PaymentTable; debit: Movement | null }> {
    const payment = await readPayment(reader, shopId, sessionId)
    if (!payment) throw new Error(`There is no payment ${sessionId}.`)
    const { order_id: orderId, currency, amount } = payment
    const row = await readOrder(reader, shopId, orderId)
    const owner = row && parseOrder(row).owner
    if (owner?.kind !== 'account') return { payment, debit: null }
    const address: BalanceAddress = { shopId, account: owner.accountId, currency }
    const cause = causeOf(sessionId)
    return { payment, debit: { ...address, kind: 'payment', amount: -amount, cause, by: 'system', orderId, paymentId: sessionId } }
  }

  /** Debits, once; the refusal says why not. */
  async function pay(shopId: string, sessionId: string): Promise<Refusal | null> {
    const shop = await shopOf(shopId)
    return store.transact(async (writer) => {
      const { payment, debit } = await debitOf(writer, shopId, sessionId)
      if (!debit) return refuse('payment_method_unavailable', { asked: BALANCE_PROVIDER, reason: 'login_required' })
      const available = await lockBalance(writer, debit)
      const entry = await readEntry(writer, shopId, debit.cause)
      if (entry) return isPaid(entry) ? null : refuse('payment_state_forbids', { paymentId: sessionId, reason: 'it_was_closed' })
      const { amount: asked, currency } = payment
      if (available < asked) return refuse('balance_insufficient', { asked, available, currency, path: '/payment/provider' })
      await balances.move(writer, shop, debit)
      return null
    })
  }

  async function statusOf(reader: Reader, shopId: string, sessionId: string): Promise<SessionStatus> {
    const entry = await readEntry(reader, shopId, causeOf(sessionId))
    const payment = await readPayment(reader, shopId, sessionId)
    if (!payment) throw new Error(`There is no payment ${sessionId}.`)
    const { amount, currency } = payment
    if (!entry) return { state: 'open', amount, currency }
    return { state: isPaid(entry) ? 'paid' : 'cancelled', amount: isPaid(entry) ? -entry.amount : amount, currency: entry.currency }
  }

  /** What was debited stays so. What was not never will be: the cause of the debit is used up. */
  async function close(shopId: string, sessionId: string): Promise<SessionStatus> {
    return store.transact(async (writer) => {
      const { debit } = await debitOf(writer, shopId, sessionId)
      if (debit) {
        const balance = await lockBalance(writer, debit)
        await closeCause(writer, entryOf(debit, random.id('bal'), clock.now()), balance)
      }
      const status = await statusOf(writer, shopId, sessionId)
      return debit ? status : { ...status, state: 'cancelled' }
    })
  }

  async function giveBack(shopId: string, sessionId: string, refundId: string, amount: number): Promise<Refusal | null> {
    const shop = await shopOf(shopId)
    return store.transact(async (writer) => {
      const paid = await readEntry(writer, shopId, causeOf(sessionId))
      if (!paid || !isPaid(paid)) return refuse('payment_state_forbids', { paymentId: sessionId, reason: 'nothing_was_taken' })
      const { account, currency } = paid
      const cause = `refund:${refundId}`
      await lockBalance(writer, { shopId, account, currency })
      if (await readEntry(writer, shopId, cause)) return null
      const of = { ...(paid.order_id === null ? {} : { orderId: paid.order_id }), paymentId: sessionId, refundId }
      await balances.move(writer, shop, { shopId, account, currency, kind: 'refund', amount, cause, by: 'system', ...of })
      return null
    })
  }

  return {
    name: BALANCE_PROVIDER,
    settles: 'now',
    isInHouse: true,

    async open({ shopId, attemptId }) {
      const refused = await pay(shopId, attemptId)
      if (isRefusal(refused)) throw new Declined(refused)
      return { sessionId: attemptId, token: null, url: null }
    },

    status: (shopId, sessionId) => statusOf(store.reader, shopId, sessionId),

    cancel: close,

    async capture({ sessionId }) {
      throw new Error(`Session ${sessionId} reserves nothing: a balance pays at once.`)
    },

    async refund({ shopId, sessionId, refundId, amount }) {
      const refused = await giveBack(shopId, sessionId, refundId, amount)
      if (isRefusal(refused)) throw new RefusedByProvider(refused.refused, 'The balance did not pay this.')
    },

    readEvent: async () => null,
  }
}

function causeOf(sessionId: string): string {
  return `payment:${sessionId}`
}

function isPaid({ amount }: BalanceEntryTable): boolean {
  return amount < 0
}
