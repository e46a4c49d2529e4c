// What the engine may rely on in any database: one suite, run on both. Where a race decides, it is provoked.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { emptyCart } from '../src/core/cart.ts'
import type { PricedCart } from '../src/core/pricing.ts'
import type { ProductInput } from '../src/core/product.ts'
import { openStore } from '../src/main.ts'
import { type CartSave, loadCarts, lockCarts, saveCarts } from '../src/store/carts.ts'
import { insertEndpoint, readEndpoints } from '../src/store/endpoints.ts'
import { IDEMPOTENCY_KEPT_MS, readRecorded, record } from '../src/store/idempotency.ts'
import { nextInSequence } from '../src/store/orders.ts'
import { claimDeliveries, type DeliveryResult, publish, settleDelivery } from '../src/store/outbox.ts'
import { readVariants, writeProduct } from '../src/store/products.ts'
import { insertCodes, readCodes, writePromotion } from '../src/store/promotions.ts'
import { redeem, returnRedemptions } from '../src/store/redemptions.ts'
import { changedSince, insertShop, moveEpoch } from '../src/store/shops.ts'
import { lockStock, readStock, replaceHolds, setStock, takeStock } from '../src/store/stock.ts'
import { CommitUnknown, LockTimeout, type Reader, type Statement, type Store, type Writer } from '../src/store/store.ts'
import { promotionOf } from './facts.ts'
import { atOnce, DIALECTS, emptyDatabase } from './harness.ts'

const NOW = 1_800_000_000_000
const GOOD: DeliveryResult = { status: 204, error: null, retryAt: null, answer: '', startedAt: NOW, durationMs: 1 }
const BAD: DeliveryResult = { ...GOOD, status: 500, error: 'no', retryAt: NOW }

const stores: { dialect: string; store: Store; url: string }[] = []
for (const dialect of DIALECTS) {
  const url = await emptyDatabase(dialect)
  const store = openStore(url)
  after(() => store.close())
  await store.migrate()
  stores.push({ dialect, store, url })
}

let made = 0
/** Ids that rise, as the real ones do. */
const nextId = (prefix: string) => `${prefix}_${String(++made).padStart(8, '0')}`

/** A cart to be saved; `was` 0 makes it. */
function saveOf(shopId: string, account: string, was: number, changes: { id?: string; type?: string; text?: string } = {}): CartSave {
  const { id = nextId('cart'), type = 'shopping', text = '{}' } = changes
  const owner = { kind: 'account', accountId: account } as const
  const cart = { ...emptyCart({ id, number: id, shopId, type, owner, currency: 'USD', now: NOW }), version: was + 1 }
  const change = JSON.stringify({ actor: 'account', command: 'test', changes: [] })
  return {
    was,
    wasDue: null,
    cart,
    priced: {} as PricedCart,
    text,
    epoch: 1,
    revision: 1,
    freshUntil: null,
    stockSeen: null,
    expiresAt: null,
    dueAt: null,
    change,
  }
}

function product(handle: string, skus: readonly string[], amount = 100): ProductInput {
  return {
    handle,
    name: handle,
    description: '',
    tags: [],
    kind: 'goods',
    published: true,
    images: [],
    taxCategory: 'standard',
    variants: skus.map((sku) => ({
      sku,
      name: '',
      options: {},
      prices: [{ currency: 'USD', amount }],
      stockPolicy: 'untracked',
      requiresShipping: true,
      taxable: true,
      grams: 0,
    })),
  }
}

/** A promise that is kept from outside. */
function gate() {
  let open = () => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

for (const { dialect, store, url } of stores) {
  /** A shop of its own for each promise. */
  async function shop(): Promise<string> {
    const id = nextId('shop')
    await store.transact((writer) => insertShop(writer, { id, name: id, currency: 'USD', preset: 'default', created_at: NOW }))
    return id
  }

  const rowOf = async (shopId: string, id: string) => (await loadCarts(store.reader, shopId, [id], []))?.rows[0]

  describe(`carts on ${dialect}`, () => {
    test('a cart is loaded by its id and by its owner as it was saved, with the shop’s epoch', async () => {
      const shopId = await shop()
      const save = saveOf(shopId, 'a', 0, { text: '{"ü":"\\u0000"}' })
      assert.deepEqual(await store.transact((writer) => saveCarts(writer, shopId, [save])), new Set([save.cart.id]))
      for (const loaded of [
        await loadCarts(store.reader, shopId, [save.cart.id], []),
        await loadCarts(store.reader, shopId, [], ['a:a']),
        await loadCarts(store.reader, shopId, [save.cart.id], ['a:a']),
      ]) {
        assert.equal(loaded?.epoch, NOW)
        assert.equal(loaded?.rows.length, 1)
        assert.deepEqual(JSON.parse(loaded?.rows[0]?.intent ?? ''), save.cart)
        assert.equal(loaded?.rows[0]?.priced, save.text)
      }
      assert.equal(await loadCarts(store.reader, 'no-such-shop', [save.cart.id], []), null)
      assert.deepEqual((await loadCarts(store.reader, await shop(), [save.cart.id], ['a:a']))?.rows, [], 'another shop sees nothing')
    })

    for (const size of [10, 40_000]) {
      test(`a cart of ${size} bytes that somebody changed meanwhile is not saved, those beside it are`, async () => {
        const shopId = await shop()
        const text = `"${'x'.repeat(size)}"`
        const carts = ['a', 'b', 'c'].map((account) => saveOf(shopId, account, 0, { text }))
        await store.transact((writer) => saveCarts(writer, shopId, carts))
        const next = carts.map(({ cart }) =>
          saveOf(shopId, cart.owner.kind === 'account' ? cart.owner.accountId : '', 1, { id: cart.id, text }),
        )
        await store.transact((writer) => saveCarts(writer, shopId, next.slice(1, 2)))
        const saved = await store.transact((writer) => saveCarts(writer, shopId, next))
        assert.deepEqual([...saved].sort(), [next[0]?.cart.id, next[2]?.cart.id])
        assert.deepEqual(await Promise.all(carts.map(async ({ cart }) => (await rowOf(shopId, cart.id))?.version)), [2, 2, 2])
      })
    }

    test('of 20 savings of one version at once exactly one happens', async () => {
      const shopId = await shop()
      const first = saveOf(shopId, 'a', 0)
      await store.transact((writer) => saveCarts(writer, shopId, [first]))
      const saved = await atOnce(20, () =>
        store.transactOne((writer) => saveCarts(writer, shopId, [saveOf(shopId, 'a', 1, { id: first.cart.id })])),
      )
      assert.equal(saved.filter((ids) => ids.size === 1).length, 1)
      assert.equal((await rowOf(shopId, first.cart.id))?.version, 2)
    })

    test('an owner has one open cart of a type, also when 20 are made at once', async () => {
      const shopId = await shop()
      const made = await atOnce(20, () => store.transact((writer) => saveCarts(writer, shopId, [saveOf(shopId, 'a', 0)])))
      assert.equal(made.filter((ids) => ids.size === 1).length, 1)
      const other = saveOf(shopId, 'a', 0, { type: 'wishlist' })
      assert.equal((await store.transact((writer) => saveCarts(writer, shopId, [other]))).size, 1)
      assert.equal((await loadCarts(store.reader, shopId, [], ['a:a']))?.rows.length, 2)
    })

    test('two transactions that lock the same carts in any order wait for each other and never block for ever', async () => {
      const shopId = await shop()
      const carts = ['a', 'b', 'c'].map((account) => saveOf(shopId, account, 0))
      await store.transact((writer) => saveCarts(writer, shopId, carts))
      const ids = carts.map(({ cart }) => cart.id)
      let inside = 0
      await atOnce(20, (index) =>
        store.transact(async (writer) => {
          const versions = await lockCarts(writer, shopId, index % 2 === 0 ? ids : ids.toReversed())
          assert.deepEqual([...versions.keys()], [...ids].sort())
          assert.equal(++inside, 1, 'two are inside at once')
          await new Promise((resolve) => setTimeout(resolve, 2))
          inside--
        }),
      )
    })

    test('everything of a transaction that fails is undone', async () => {
      const shopId = await shop()
      const save = saveOf(shopId, 'a', 0)
      const failing = store.transact(async (writer) => {
        await saveCarts(writer, shopId, [save])
        throw new Error('on purpose')
      })
      await assert.rejects(failing, /on purpose/)
      assert.equal(await rowOf(shopId, save.cart.id), undefined)
    })

    test('nobody reads what is not committed', async () => {
      const shopId = await shop()
      const save = saveOf(shopId, 'a', 0)
      const [written, seen] = [gate(), gate()]
      const writing = store.transact(async (writer) => {
        await saveCarts(writer, shopId, [save])
        written.open()
        await seen.passed
      })
      await written.passed
      assert.equal(await rowOf(shopId, save.cart.id), undefined)
      seen.open()
      await writing
      assert.equal((await rowOf(shopId, save.cart.id))?.version, 1)
    })
  })

  describe(`idempotency on ${dialect}`, () => {
    const outcome = (request_hash: string) => ({ request_hash, outcome: '{}', sealed: null })

    test('of 10 that record one key at once exactly one may go on', async () => {
      const shopId = await shop()
      const done = await atOnce(10, (index) => store.transact((writer) => record(writer, shopId, 'key', outcome(`h${index}`), NOW)))
      assert.equal(done.filter(Boolean).length, 1)
      const kept = (await readRecorded(store.reader, shopId, ['key'], NOW)).get('key')
      assert.equal(kept?.request_hash, `h${done.indexOf(true)}`)
    })

    test('a key is free again after 24 hours, to the millisecond, and not before', async () => {
      const shopId = await shop()
      const recordAt = (now: number) => store.transact((writer) => record(writer, shopId, 'key', outcome(String(now)), now))
      assert.equal(await recordAt(NOW), true)
      const last = NOW + IDEMPOTENCY_KEPT_MS - 1
      assert.equal((await readRecorded(store.reader, shopId, ['key'], last)).size, 1)
      assert.equal(await recordAt(last), false)
      assert.equal((await readRecorded(store.reader, shopId, ['key'], last + 1)).size, 0)
      assert.equal(await recordAt(last + 1), true)
    })

    test('a key that was recorded in a transaction that failed is free', async () => {
      const shopId = await shop()
      const failing = store.transact(async (writer) => {
        await record(writer, shopId, 'key', outcome('h'), NOW)
        throw new Error('on purpose')
      })
      await assert.rejects(failing)
      assert.equal(await store.transact((writer) => record(writer, shopId, 'key', outcome('h'), NOW)), true)
    })
  })

  describe(`the outbox on ${dialect}`, () => {
    async function hooked(types: readonly string[] = ['*']): Promise<string> {
      const shopId = await shop()
      await store.transact((writer) =>
        insertEndpoint(writer, {
          shop_id: shopId,
          id: nextId('we'),
          url: 'http://localhost/',
          types: JSON.stringify(types),
          secret: 's',
          active: 1,
          created_at: NOW,
        }),
      )
      return shopId
    }
    async function tell(shopId: string, ...events: ['cart.updated' | 'cart.closed', string, string][]): Promise<void> {
      const endpoints = await readEndpoints(store.reader, shopId)
      const list = events.map(([type, subject, data]) => ({ type, subject, data }))
      await store.transact((writer) => publish(writer, shopId, endpoints, list, NOW, () => nextId('dl')))
    }
    const claim = async (shopId: string, now = NOW, limit = 50) => {
      const [endpoint] = await readEndpoints(store.reader, shopId)
      const wanted = { shopId, endpointId: endpoint?.id ?? '', now, leasedUntil: now + 20_000, limit, look: 200 }
      return (await store.transact((writer) => claimDeliveries(writer, wanted))).claimed
    }
    const rowsOf = (shopId: string) =>
      store.reader.db
        .selectFrom('deliveries')
        .select(['subject', 'type', 'state', 'data'])
        .where('shop_id', '=', shopId)
        .orderBy('id')
        .execute()

    test('types that no endpoint wants are not written', async () => {
      const shopId = await hooked(['cart.closed'])
      await tell(shopId, ['cart.updated', 'c1', '1'], ['cart.closed', 'c1', '2'])
      assert.deepEqual(
        (await rowsOf(shopId)).map((row) => row.type),
        ['cart.closed'],
      )
    })

    test('cart.updated is one waiting row with the newest data, per cart', async () => {
      const shopId = await hooked()
      for (const data of ['1', '2', '3']) await tell(shopId, ['cart.updated', 'c1', data], ['cart.updated', 'c2', data])
      assert.deepEqual(
        (await rowsOf(shopId)).map((row) => [row.subject, row.data]),
        [
          ['c1', '3'],
          ['c2', '3'],
        ],
      )
    })

    test('a cart.updated that waits takes its place behind what happened in between', async () => {
      const shopId = await hooked()
      await tell(shopId, ['cart.updated', 'c1', '1'], ['cart.closed', 'c1', '2'])
      await tell(shopId, ['cart.updated', 'c1', '3'])
      assert.deepEqual(
        (await rowsOf(shopId)).map((row) => [row.type, row.data]),
        [
          ['cart.closed', '2'],
          ['cart.updated', '3'],
        ],
      )
    })

    test('what is behind another of its subject stands aside while that one is tried, and is called when it is over', async () => {
      const shopId = await hooked()
      await tell(shopId, ['cart.closed', 'c1', '1'], ['cart.closed', 'c1', '2'], ['cart.closed', 'c1', '3'])
      const dueAt = async () =>
        (await store.reader.db.selectFrom('deliveries').select('due_at').where('shop_id', '=', shopId).orderBy('id').execute()).map(
          (row) => row.due_at - NOW,
        )
      const [first] = await claim(shopId)
      assert.ok(first)
      assert.deepEqual((await dueAt()).slice(1), [20_000, 20_000], 'until the lease of the first is over')
      await store.transact((writer) => settleDelivery(writer, first, { ...BAD, retryAt: NOW + 3_600_000 }, NOW))
      assert.deepEqual(await claim(shopId, NOW + 20_000), [])
      assert.deepEqual(await dueAt(), [3_600_000, 3_600_000, 3_600_000], 'until the first is tried again')
      const [again] = await claim(shopId, NOW + 3_600_000)
      assert.ok(again?.id === first.id)
      await store.transact((writer) => settleDelivery(writer, again, { ...BAD, retryAt: null }, NOW + 3_600_001))
      assert.deepEqual((await dueAt())[1], 3_600_001, 'the second is due when the first is dead')
      assert.deepEqual(
        (await claim(shopId, NOW + 3_600_001)).map((each) => each.data),
        ['2'],
      )
    })

    test('what is being sent is not overwritten: news wait behind it', async () => {
      const shopId = await hooked()
      await tell(shopId, ['cart.updated', 'c1', '1'])
      const [sending] = await claim(shopId)
      await tell(shopId, ['cart.updated', 'c1', '2'])
      assert.deepEqual(
        (await rowsOf(shopId)).map((row) => [row.state, row.data]),
        [
          ['SENDING', '1'],
          ['PENDING', '2'],
        ],
      )
      assert.deepEqual(await claim(shopId), [], 'the second waits for the first')
      assert.ok(sending)
      await store.transact((writer) => settleDelivery(writer, sending, GOOD, NOW))
      assert.deepEqual(
        (await claim(shopId)).map((each) => each.data),
        ['2'],
      )
    })

    test('SEED1-54 events of one subject go out one after the other in their order, of others at once', async () => {
      const shopId = await hooked()
      await tell(shopId, ['cart.updated', 'c1', '1'], ['cart.closed', 'c1', '2'], ['cart.closed', 'c2', '3'])
      const sent: string[] = []
      for (let round = 0; round < 3; round++) {
        for (const claimed of await claim(shopId)) {
          sent.push(claimed.data)
          await store.transact((writer) => settleDelivery(writer, claimed, GOOD, NOW))
        }
      }
      assert.deepEqual(sent, ['1', '3', '2'])
    })

    test('8 nodes that claim at once never get the same delivery', async () => {
      const shopId = await hooked()
      await tell(shopId, ...Array.from({ length: 40 }, (_, index) => ['cart.closed', `c${index}`, '1'] as ['cart.closed', string, string]))
      const claimed = (await atOnce(8, () => claim(shopId, NOW, 10))).flat().map((each) => each.id)
      assert.equal(new Set(claimed).size, claimed.length)
      const rest = await claim(shopId)
      assert.equal(claimed.length + rest.length, 40)
    })

    test('a delivery whose lease ran out is claimed again, and only the newer claim counts', async () => {
      const shopId = await hooked()
      await tell(shopId, ['cart.closed', 'c1', '1'])
      const [first] = await claim(shopId)
      assert.deepEqual(await claim(shopId, NOW + 19_999), [])
      const [second] = await claim(shopId, NOW + 20_000)
      assert.ok(first && second && second.id === first.id && second.attempts === 2)
      await store.transact((writer) => settleDelivery(writer, first, GOOD, NOW))
      assert.deepEqual(
        (await rowsOf(shopId)).map((row) => row.state),
        ['SENDING'],
      )
      await store.transact((writer) => settleDelivery(writer, second, GOOD, NOW))
      assert.deepEqual(
        (await rowsOf(shopId)).map((row) => row.state),
        ['DELIVERED'],
      )
    })

    test('SEED1-53 a failed delivery waits again, is given up at last, or gives way to newer news', async () => {
      const shopId = await hooked()
      await tell(shopId, ['cart.updated', 'c1', '1'], ['cart.closed', 'c2', '1'])
      const [update, close] = await claim(shopId)
      assert.ok(update && close)
      await tell(shopId, ['cart.updated', 'c1', '2'])
      await store.transact((writer) => settleDelivery(writer, update, BAD, NOW))
      await store.transact((writer) => settleDelivery(writer, close, BAD, NOW))
      assert.deepEqual(
        (await rowsOf(shopId)).map((row) => row.state),
        ['SUPERSEDED', 'PENDING', 'PENDING'],
      )
      const again = (await claim(shopId)).find((each) => each.id === close.id)
      assert.ok(again)
      await store.transact((writer) => settleDelivery(writer, again, { ...BAD, retryAt: null }, NOW))
      assert.equal((await rowsOf(shopId))[1]?.state, 'DEAD')
    })
  })

  describe(`numbers, stock and uses on ${dialect}`, () => {
    test('a sequence gives 1 to 30 to 30 who ask at once', async () => {
      const shopId = await shop()
      const numbers = await atOnce(30, () => store.transact((writer) => nextInSequence(writer, shopId, 'order')))
      assert.deepEqual(
        numbers.sort((a, b) => a - b),
        Array.from({ length: 30 }, (_, index) => index + 1),
      )
    })

    test('a sequence gives back what a failed transaction took', async () => {
      const shopId = await shop()
      await assert.rejects(
        store.transact(async (writer) => {
          await nextInSequence(writer, shopId, 'order')
          throw new Error('on purpose')
        }),
      )
      assert.equal(await store.transact((writer) => nextInSequence(writer, shopId, 'order')), 1)
    })

    test('10 who want the last 3 pieces at once hold 3, and expired holds are nobody’s', async () => {
      const shopId = await shop()
      await store.transact((writer) => setStock(writer, shopId, 'S', 3, 'deny', NOW))
      const held = await atOnce(10, (index) =>
        store.transact(async (writer) => {
          await lockStock(writer, shopId, ['S'])
          const level = (await readStock(writer, shopId, ['S'], NOW)).get('S')
          const taken = level?.holds.reduce((sum, hold) => sum + hold.quantity, 0) ?? 0
          if ((level?.onHand ?? 0) - taken < 1) return false
          await replaceHolds(writer, shopId, { holder: `h${index}`, owner: 'g:a', orderId: `o${index}` }, [['S', 1]], NOW + 1000)
          return true
        }),
      )
      assert.equal(held.filter(Boolean).length, 3)
      assert.equal((await readStock(store.reader, shopId, ['S'], NOW + 999)).get('S')?.holds.length, 3)
      assert.equal((await readStock(store.reader, shopId, ['S'], NOW + 1000)).get('S')?.holds.length, 0)
    })

    test('SEED0-44 stock is never below zero, whatever asks for it', async () => {
      const shopId = await shop()
      await store.transact((writer) => setStock(writer, shopId, 'S', 2, 'deny', NOW))
      await assert.rejects(store.transact((writer) => takeStock(writer, shopId, [['S', 3]], 1, NOW)))
      assert.equal((await readStock(store.reader, shopId, ['S'], NOW)).get('S')?.onHand, 2)
    })

    test('20 who use a code at once that has 3 uses in a promotion of 5 take 3, and what is given back can be taken', async () => {
      const shopId = await shop()
      const promotion = promotionOf('prm_1', { kind: 'free_shipping' }, { usesMax: 5 })
      await store.transact(async (writer) => {
        await writePromotion(writer, shopId, promotion, NOW)
        await insertCodes(writer, shopId, 'prm_1', ['CODE'], { usesMax: 3 })
      })
      class Exhausted extends Error {}
      const by = (id: string) => ({ id, currency: 'USD', customer: { account: null, email: null } })
      const use = (order: string, code: string | null) =>
        store
          .transact(async (writer) => {
            if (await redeem(writer, shopId, by(order), [{ promotionId: 'prm_1', code, amount: 0 }], NOW)) throw new Exhausted()
            return true
          })
          .catch((error: unknown) => {
            if (error instanceof Exhausted) return false
            throw error
          })
      const used = await atOnce(20, (index) => use(`o${index}`, 'CODE'))
      assert.equal(used.filter(Boolean).length, 3)
      const without = await atOnce(20, (index) => use(`n${index}`, null))
      assert.equal(without.filter(Boolean).length, 2)
      assert.deepEqual((await readCodes(store.reader, shopId, ['CODE'])).get('CODE'), { promotionId: 'prm_1', usesLeft: 0 })
      for (let twice = 0; twice < 2; twice++) await store.transact((writer) => returnRedemptions(writer, shopId, `o${used.indexOf(true)}`))
      assert.equal((await readCodes(store.reader, shopId, ['CODE'])).get('CODE')?.usesLeft, 1)
    })
  })

  describe(`the catalogue on ${dialect}`, () => {
    const epochOf = async (shopId: string) => (await loadCarts(store.reader, shopId, [], []))?.epoch ?? 0

    test('an epoch only rises, by at least one, also when the clock goes back and 10 move it at once', async () => {
      const shopId = await shop()
      const seen = [await epochOf(shopId)]
      for (const now of [NOW + 5000, NOW, NOW - 86_400_000]) {
        await store.transact((writer) => moveEpoch(writer, shopId, [], now))
        seen.push(await epochOf(shopId))
      }
      assert.deepEqual(seen, [NOW, NOW + 5000, NOW + 5001, NOW + 5002])
      await atOnce(10, () => store.transact((writer) => moveEpoch(writer, shopId, [], NOW)))
      assert.equal(await epochOf(shopId), NOW + 5012)
    })

    test('the log tells which skus changed after an epoch, or that everything has to be read', async () => {
      const shopId = await shop()
      const epochs: number[] = [await epochOf(shopId)]
      for (const skus of [['A'], ['B', 'C'], [], null]) {
        await store.transact((writer) => moveEpoch(writer, shopId, skus, NOW))
        epochs.push(await epochOf(shopId))
      }
      const since = (from: number, to: number) => changedSince(store.reader, shopId, epochs[from] ?? 0, epochs[to] ?? 0)
      assert.deepEqual((await since(0, 2))?.sort(), ['A', 'B', 'C'])
      assert.deepEqual(await since(1, 3), ['B', 'C'])
      assert.deepEqual(await since(2, 3), [])
      assert.equal(await since(3, 4), null)
      assert.equal(await since(0, 4), null)
      assert.equal(await changedSince(store.reader, shopId, NOW - 3_600_001, NOW), null, 'the log does not reach back so far')
    })

    test('a product that is written again unchanged says so, and what went away is gone', async () => {
      const shopId = await shop()
      const write = (input: ProductInput) => store.transact((writer) => writeProduct(writer, shopId, input, NOW, nextId('prd')))
      assert.equal((await write(product('p', ['A', 'B']))).outcome, 'created')
      assert.equal((await write(product('p', ['A', 'B']))).outcome, 'unchanged')
      const changed = await write(product('p', ['A', 'C'], 250))
      assert.equal(changed.outcome, 'changed')
      assert.deepEqual('skus' in changed && [...changed.skus].sort(), ['A', 'B', 'C'])
      const variants = await readVariants(store.reader, shopId, ['A', 'B', 'C'])
      assert.deepEqual([...variants.keys()], ['A', 'C'])
      assert.deepEqual(variants.get('A')?.prices, [{ currency: 'USD', amount: 250 }])
    })

    test('a sku belongs to one product: another one that names it is refused and changes nothing', async () => {
      const shopId = await shop()
      await store.transact((writer) => writeProduct(writer, shopId, product('p', ['A']), NOW, nextId('prd')))
      const second = await store.transact((writer) => writeProduct(writer, shopId, product('q', ['B', 'A'], 1), NOW, nextId('prd')))
      assert.equal(second.outcome, 'refused')
      const variants = await readVariants(store.reader, shopId, ['A', 'B'])
      assert.deepEqual([[...variants.keys()], variants.get('A')?.prices[0]?.amount], [['A'], 100])
    })
  })

  describe(`safety on ${dialect}`, () => {
    test('integers up to 2^53 − 1 come back exactly, and a larger one is an error, never another number', async () => {
      const shopId = await shop()
      const setTo = (value: string): Statement => ({
        name: `set_to_${value}`,
        sqlite: `UPDATE epochs SET epoch = ${value} WHERE shop_id = ?1 RETURNING shop_id`,
        postgres: `UPDATE epochs SET epoch = ${value} WHERE shop_id = $1 RETURNING shop_id`,
      })
      await store.transact((writer) => writer.run(setTo(String(Number.MAX_SAFE_INTEGER)), [shopId]))
      assert.equal((await loadCarts(store.reader, shopId, [], []))?.epoch, Number.MAX_SAFE_INTEGER)
      await store.transact((writer) => writer.run(setTo('9007199254740993'), [shopId]))
      await assert.rejects(loadCarts(store.reader, shopId, [], []), RangeError)
    })

    test('who only reads cannot write: it does not compile', async () => {
      const { reader } = store
      const misuse = () => [
        // @ts-expect-error a reader has no insertInto
        reader.db.insertInto('shops'),
        // @ts-expect-error a reader has no updateTable
        reader.db.updateTable('shops'),
        // @ts-expect-error a reader has no deleteFrom
        reader.db.deleteFrom('shops'),
        // @ts-expect-error saving takes a writer
        saveCarts(reader, 'shop', []),
        // @ts-expect-error recording takes a writer
        record(reader, 'shop', 'key', { request_hash: '', outcome: '', sealed: null }, NOW),
        // @ts-expect-error nobody but a store makes a writer
        ((writer: Writer) => writer)({ dialect: reader.dialect, db: reader.db, run: reader.run } satisfies Reader),
      ]
      assert.equal(typeof misuse, 'function')
    })

    test('who holds a lock may read while 12 others wait for it', async () => {
      const shopId = await shop()
      const save = saveOf(shopId, 'a', 0)
      await store.transact((writer) => saveCarts(writer, shopId, [save]))
      const locked = gate()
      const holder = store.transact(async (writer) => {
        await lockCarts(writer, shopId, [save.cart.id])
        locked.open()
        await new Promise((resolve) => setTimeout(resolve, 300))
        return rowOf(shopId, save.cart.id)
      })
      await locked.passed
      const began = Date.now()
      const others = atOnce(12, () => store.transact((writer) => lockCarts(writer, shopId, [save.cart.id])))
      assert.equal((await holder)?.version, 1)
      await others
      assert.ok(Date.now() - began < 3000)
    })

    if (dialect === 'postgres') {
      test('who waits too long for a lock is told so, and has changed nothing', async () => {
        const shopId = await shop()
        const save = saveOf(shopId, 'a', 0)
        await store.transact((writer) => saveCarts(writer, shopId, [save]))
        const [locked, done] = [gate(), gate()]
        const holder = store.transact(async (writer) => {
          await lockCarts(writer, shopId, [save.cart.id])
          locked.open()
          await done.passed
        })
        await locked.passed
        const waiting = store.transact(async (writer) => {
          await nextInSequence(writer, shopId, 'order')
          await lockCarts(writer, shopId, [save.cart.id])
        })
        await assert.rejects(waiting, LockTimeout)
        done.open()
        await holder
        assert.equal(await store.transact((writer) => nextInSequence(writer, shopId, 'order')), 1)
      })

      test('a connection that breaks while committing is told apart from a failure', async () => {
        const shopId = await shop()
        const breaking = store.transactOne(async (writer) => {
          await writer.run({ name: 'break', sqlite: '', postgres: 'SELECT pg_terminate_backend(pg_backend_pid())' }, [])
          return shopId
        })
        await assert.rejects(breaking, CommitUnknown)
      })

      test('a connection that is ended between two statements fails its transaction, and nothing else', async () => {
        const shopId = await shop()
        const [reached, ended] = [gate(), gate()]
        let pid = 0
        const failing = store.transact(async (writer) => {
          await nextInSequence(writer, shopId, 'order')
          const own = { name: 'own_pid', sqlite: '', postgres: 'SELECT pg_backend_pid() AS pid' }
          pid = (await writer.run<{ pid: number }>(own, []))[0]?.pid ?? 0
          reached.open()
          await ended.passed
          await nextInSequence(writer, shopId, 'order')
        })
        const failed = assert.rejects(failing)
        await reached.passed
        const end = { name: 'end', sqlite: '', postgres: 'SELECT pg_terminate_backend($1, 5000)' }
        await store.transact((writer) => writer.run(end, [pid]))
        await new Promise((resolve) => setTimeout(resolve, 100))
        ended.open()
        await failed
        assert.equal(await store.transact((writer) => nextInSequence(writer, shopId, 'order')), 1)
      })
    } else {
      test('two processes on one file take turns, and neither is told of it', async () => {
        const other = openStore(url)
        try {
          const shopId = await shop()
          const numbers = await atOnce(20, (index) =>
            (index % 2 === 0 ? store : other).transact(async (writer) => {
              const number = await nextInSequence(writer, shopId, 'order')
              await new Promise((resolve) => setTimeout(resolve, 3))
              return number
            }),
          )
          assert.deepEqual(
            numbers.sort((a, b) => a - b),
            Array.from({ length: 20 }, (_, index) => index + 1),
          )
          const single = await atOnce(20, (index) =>
            (index % 2 === 0 ? store : other).transactOne((writer) => nextInSequence(writer, shopId, 'x')),
          )
          assert.equal(new Set(single).size, 20)
        } finally {
          await other.close()
        }
      })
    }
  })
}
