// Logging in loses nothing: guest carts and the account's cart come together by the rule the shop chose, once, as a whole, and every line is
// in the cart, set aside, or in the report. Over HTTP, on both databases; the process dies at every statement of the transaction.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SignJWT } from 'jose'
import type { KyselyPlugin } from 'kysely'
import { pino } from 'pino'
import { isRefusal } from '../src/core/refusal.ts'
import type { PresetName } from '../src/core/settings.ts'
import { createEngine } from '../src/engine/engine.ts'
import { readAllowed, THIS_MACHINE } from '../src/engine/targets.ts'
import { asWriter, type Store, type Writer } from '../src/store/store.ts'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'

type Body = Answer['body']
type Server = Awaited<ReturnType<typeof startTestServer>>

const ISSUER = { name: 'test', iss: 'https://issuer.test', aud: 'shop', algorithms: ['HS256'], secret: 's'.repeat(48) }

function success(answer: Answer): Body {
  assert.ok(answer.status >= 200 && answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}

function product(sku: string, prices: Readonly<Record<string, number>>, more: object = {}): object {
  const variant = { sku, name: '', options: {}, stockPolicy: 'untracked', requiresShipping: false, taxable: true, grams: 1 }
  const amounts = Object.entries(prices).map(([currency, amount]) => ({ currency, amount }))
  return {
    ...{
      handle: sku.toLowerCase(),
      name: sku,
      description: '',
      tags: [],
      kind: 'goods',
      published: true,
      images: [],
      taxCategory: 'standard',
    },
    variants: [{ ...variant, prices: amounts, ...more }],
  }
}

let shops = 0

/** A shop of its own whose accounts are known by JWTs, with goods: MUG and TEE in two currencies, EURO in one of them, LOW of which there are 5. */
async function openShop({ url, engine }: Server, settings: object = {}, preset: PresetName = 'default') {
  const id = `merging-${++shops}`
  const path = `${url}/v1/shops/${id}`
  success(await caller(url, ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD', preset }))
  const admin = caller(path, ADMIN)
  success(await admin('PATCH', '/settings', { ...settings, access: { guestCarts: true, issuers: [ISSUER] } }))
  const goods = [product('MUG', { USD: 1000, EUR: 900 }), product('TEE', { USD: 2000, EUR: 1800 }), product('EURO', { EUR: 500 })]
  const low = product('LOW', { USD: 100 }, { stockPolicy: 'deny', onHand: 5 })
  success(
    await admin('POST', '/products/import', { products: [...goods, low, product('PACK', { USD: 600 }), product('CAP', { USD: 300 })] }),
  )
  const tokenOf = (name: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(ISSUER.iss)
      .setAudience(ISSUER.aud)
      .setSubject(name)
      .setExpirationTime(Math.floor(engine.clock.now() / 1000) + 3600)
      .sign(new TextEncoder().encode(ISSUER.secret))
  return {
    id,
    path,
    admin,
    /** Calls of an account, which are logged in anew each time. */
    account:
      (name: string) =>
      async (method: string, route: string, body?: unknown, headers: Record<string, string> = {}) =>
        caller(path, await tokenOf(name))(method, route, body, headers),
    /** A guest with a cart; `named` is how a merge names it. */
    async guest(lines: readonly object[] = [], more: object = {}) {
      const made = success(await caller(path)('POST', '/carts', { ...(lines.length > 0 ? { lines } : {}), ...more }))
      return {
        call: caller(path, made.token),
        id: made.cart.id as string,
        named: { id: made.cart.id as string, token: made.token as string },
      }
    },
    /** What is kept of carts, as it is kept. */
    rows: (ids: readonly string[]) =>
      engine.store.reader.db
        .selectFrom('carts')
        .select(['id', 'state', 'version', 'intent'])
        .where('shop_id', '=', id)
        .where('id', 'in', [...ids])
        .orderBy('id')
        .execute(),
  }
}

const lines = (cart: Body): string[] => cart.lines.map((each: Body) => `${each.quantity} ${each.sku ?? each.name}`)
const outcomes = (report: Body): string[] => report.lines.map((each: Body) => [each.outcome, each.code].filter(Boolean).join(' '))
const MERGE = '/carts/current/merge'

for (const dialect of DIALECTS) {
  describe(`merging on ${dialect}`, async () => {
    const running = await startTestServer(await freshDatabase(dialect))
    const shop = await openShop(running, { promotions: { maxCodes: 2 } })
    const restoring = await openShop(running, {}, 'classic')

    describe('what is merged', () => {
      it('SEED3-05 SEED3-06 SEED3-07 several guest carts at once: equal lines are added, and the guest carts are closed, not deleted', async () => {
        const account = shop.account('several')
        success(await account('POST', '/carts/current/lines', { sku: 'MUG', quantity: 2 }))
        const [one, two] = [await shop.guest([{ sku: 'MUG', quantity: 3 }]), await shop.guest([{ sku: 'MUG' }, { sku: 'TEE' }])]
        const { cart, report } = success(await account('POST', MERGE, { carts: [one.named, two.named, one.named] }))
        assert.deepEqual([lines(cart), outcomes(report), report.mode], [['6 MUG', '1 TEE'], ['combined', 'combined', 'added'], 'merge'])
        assert.deepEqual(
          report.carts,
          [one, two].map(({ id }) => ({ id, outcome: 'closed' })),
        )
        for (const { id } of [one, two]) {
          const closed = success(await shop.admin('GET', `/carts/${id}`))
          assert.deepEqual([closed.state, closed.closedReason, closed.mergedInto], ['CLOSED', 'merged', cart.id])
        }
      })

      it('SEED3-05 SEED2-53 one guest cart becomes the cart of an account that has none; the guest secret is dead', async () => {
        const guest = await shop.guest([{ sku: 'MUG' }])
        const answer = await shop.account('first')('POST', MERGE, { carts: [guest.named] })
        assert.deepEqual(
          [answer.status, lines(answer.body.cart), answer.body.cart.owner],
          [201, ['1 MUG'], { kind: 'account', accountId: 'test:first' }],
        )
        for (const [method, route] of [
          ['GET', '/carts/current'],
          ['GET', `/carts/${guest.id}`],
          ['DELETE', '/carts/current/lines'],
        ] as const)
          assert.equal((await guest.call(method, route)).status, 401)
      })

      it('SEED3-08 an item of the catalogue and the same item named by the caller stay two lines', async () => {
        const guest = await shop.guest([{ sku: 'MUG' }])
        const inline = { inline: { name: 'MUG', unitPrice: 1000, taxCategory: 'standard' } }
        success(await shop.admin('POST', `/carts/${guest.id}/lines`, { lines: [inline] }))
        const account = shop.account('kinds')
        success(await account('POST', '/carts/current/lines', { sku: 'MUG' }))
        assert.deepEqual(lines(success(await account('POST', MERGE, { carts: [guest.named] })).cart), ['2 MUG', '1 MUG'])
      })

      it('SEED3-09 SEED2-56 two carts with lines in different currencies are not merged, and nothing changes', async () => {
        const guest = await shop.guest([{ sku: 'EURO' }])
        const account = shop.account('currencies')
        const { id } = success(await account('POST', '/carts/current/lines', { sku: 'TEE' })).cart
        const before = await shop.rows([id, guest.id])
        const refused = await account('POST', MERGE, { carts: [guest.named] })
        assert.deepEqual([refused.status, refused.body.code, refused.body.currencies], [409, 'currency_mismatch', ['EUR']])
        assert.deepEqual(await shop.rows([id, guest.id]), before)
        assert.deepEqual(lines(success(await guest.call('GET', '/carts/current'))), ['1 EURO'])
      })

      it("SEED3-10 SEED3-14 an empty cart never settles the currency of the other; of two empty ones the account's stands", async () => {
        const table: readonly [account: string, accountLines: object[], guest: string, guestLines: object[], currency: string][] = [
          ['USD', [], 'EUR', [], 'USD'],
          ['EUR', [], 'USD', [], 'EUR'],
          ['USD', [], 'EUR', [{ sku: 'MUG' }], 'EUR'],
          ['EUR', [{ sku: 'MUG' }], 'USD', [], 'EUR'],
        ]
        for (const [index, [mine, mineLines, theirs, theirLines, currency]] of table.entries()) {
          const account = shop.account(`empty-${index}`)
          success(await account('POST', '/carts', { currency: mine, ...(mineLines.length > 0 ? { lines: mineLines } : {}) }))
          const guest = await shop.guest(theirLines, { currency: theirs })
          const { cart } = success(await account('POST', MERGE, { carts: [guest.named] }))
          assert.deepEqual([cart.currency, cart.lines.length], [currency, mineLines.length + theirLines.length])
        }
      })

      it('SEED3-11 what is sold out is kept and told; ordering asks to remove it', async () => {
        const [first, second] = [await shop.guest([{ sku: 'LOW', quantity: 4 }]), await shop.guest([{ sku: 'LOW', quantity: 3 }])]
        const account = shop.account('soldout')
        success(await shop.admin('PUT', '/stock/LOW', { onHand: 0 }))
        await new Promise((resolve) => setTimeout(resolve, 1100)) // advice about stock is a second old at most
        const { cart, report } = success(await account('POST', MERGE, { carts: [first.named, second.named] }))
        assert.deepEqual([lines(cart), outcomes(report)], [['7 LOW'], ['unavailable insufficient_stock', 'unavailable insufficient_stock']])
        success(await account('PATCH', '/carts/current', { email: 'a@example.com' }))
        assert.equal((await account('POST', '/orders', { cartId: cart.id })).body.code, 'insufficient_stock')
        success(await account('DELETE', `/carts/current/lines/${cart.lines[0].id}`))
        success(await shop.admin('PUT', '/stock/LOW', { onHand: 5 }))
      })

      it("SEED3-12 different attributes are united; of one attribute the guest's value wins", async () => {
        const guest = await shop.guest([{ sku: 'MUG' }], { attributes: { b: 2, c: 3 } })
        const account = shop.account('attributes')
        success(await account('POST', '/carts', { attributes: { a: 1, b: 1 } }))
        const { cart, report } = success(await account('POST', MERGE, { carts: [guest.named] }))
        assert.deepEqual(cart.attributes, { a: 1, b: 2, c: 3 })
        assert.deepEqual(
          report.attributes.map(({ name, outcome }: Body) => [name, outcome]),
          [
            ['b', 'replaced'],
            ['c', 'added'],
          ],
        )
      })

      it('SEED2-50 half a pack, which could not be added any more, is kept and flagged', async () => {
        const guest = await shop.guest([{ sku: 'PACK', quantity: 3 }])
        success(await shop.admin('PUT', '/products/pack', product('PACK', { USD: 600 }, { quantityStep: 6 })))
        const { cart, report } = success(await shop.account('packs')('POST', MERGE, { carts: [guest.named] }))
        assert.deepEqual([lines(cart), outcomes(report)], [['3 PACK'], ['added quantity_step']])
      })

      it('codes of both are kept up to what the shop allows, and the rest is told', async () => {
        for (const code of ['ONE', 'TWO', 'THREE']) {
          const benefit = { kind: 'percent_off', percent: '10' }
          const { id } = success(await shop.admin('POST', '/promotions', { name: code, conditions: [{ kind: 'code' }], benefit }))
          success(await shop.admin('POST', `/promotions/${id}/codes`, { code }))
        }
        const guest = await shop.guest([{ sku: 'MUG' }])
        for (const code of ['TWO', 'THREE']) success(await guest.call('POST', '/carts/current/codes', { code }))
        const account = shop.account('codes')
        success(await account('POST', '/carts/current/lines', { sku: 'TEE' }))
        success(await account('POST', '/carts/current/codes', { code: 'ONE' }))
        const { cart, report } = success(await account('POST', MERGE, { carts: [guest.named] }))
        assert.deepEqual(
          cart.codes.map(({ code, applied }: Body) => [code, applied]),
          [
            ['ONE', true],
            ['TWO', true],
          ],
        )
        assert.deepEqual(
          report.codes.map(({ code, outcome, reason }: Body) => [code, outcome, reason]),
          [
            ['TWO', 'added', undefined],
            ['THREE', 'rejected', 'too_many_codes'],
          ],
        )
      })

      it('an account that was changed meanwhile is not merged into when the caller names a version', async () => {
        const guest = await shop.guest([{ sku: 'MUG' }])
        const account = shop.account('versions')
        const stale = await account('POST', MERGE, { carts: [guest.named] }, { 'if-match': '"7"' })
        assert.deepEqual([stale.status, stale.body.code], [412, 'stale_version'])
        success(await account('POST', MERGE, { carts: [guest.named] }, { 'if-match': '"0"' }))
      })

      it('wish lists and shopping carts stay apart, and the secret lives as long as its guest has an open cart', async () => {
        const typed = await openShop(running, {}, 'service')
        const guest = await typed.guest([{ sku: 'MUG' }])
        const wishes = success(await guest.call('POST', '/carts/current/lines?type=wishlist', { sku: 'TEE' })).cart
        const account = typed.account('wishes')
        const mixed = await account('POST', MERGE, { carts: [guest.named, { ...guest.named, id: wishes.id }] })
        assert.deepEqual([mixed.status, mixed.body.reason], [409, 'type_differs'])
        const { report } = success(await account('POST', MERGE, { carts: [guest.named] }))
        assert.equal((await guest.call('GET', `/carts/${wishes.id}`)).status, 200)
        assert.deepEqual(success(await account('POST', MERGE, { carts: [guest.named] })).report, report, 'repeated with a living secret')
        const { cart } = success(await account('POST', MERGE, { carts: [{ ...guest.named, id: wishes.id }] }))
        assert.deepEqual([cart.type, lines(cart)], ['wishlist', ['1 TEE']])
        assert.equal((await guest.call('GET', `/carts/${wishes.id}`)).status, 401)
      })
    })

    describe('modes', () => {
      const met = async (name: string, mode: string, on = shop) => {
        const account = on.account(name)
        success(await account('POST', '/carts/current/lines', { sku: 'MUG', quantity: 2 }))
        const guest = await on.guest([{ sku: 'MUG', quantity: 3 }, { sku: 'TEE' }])
        const { cart, report } = success(await account('POST', MERGE, { carts: [guest.named], mode }))
        const saved = success(await account('GET', '/carts/current/saved-lines')).items
        return { account, cart, report, saved: saved.map(({ quantity, sku }: Body) => `${quantity} ${sku}`), items: saved }
      }

      it('SEED2-16 SEED2-49 SEED2-51 merge, keepAccount and keepGuest: the cart keeps its id, and what was replaced is set aside', async () => {
        const table = [
          ['merge', ['5 MUG', '1 TEE'], []],
          ['keepAccount', ['2 MUG'], ['3 MUG', '1 TEE']],
          ['keepGuest', ['3 MUG', '1 TEE'], ['2 MUG']],
        ] as const
        for (const [mode, kept, aside] of table) {
          const { cart, report, saved } = await met(mode, mode)
          assert.deepEqual([lines(cart), saved, report.mode], [kept, aside, mode])
        }
      })

      it('SEED2-52 the lines that keepGuest replaced can be brought back', async () => {
        const { account, items } = await met('brought-back', 'keepGuest')
        const { cart } = success(await account('POST', `/carts/current/saved-lines/${items[0].id}/restore`))
        assert.deepEqual(lines(cart), ['5 MUG', '1 TEE'])
      })

      it('SEED2-16 without a mode the shop decides', async () => {
        const deciding = await openShop(running, { reconcile: { onLogin: 'keepAccount', keepReplaced: false } })
        const account = deciding.account('decided')
        success(await account('POST', '/carts/current/lines', { sku: 'MUG' }))
        const guest = await deciding.guest([{ sku: 'TEE' }])
        const { cart, report } = success(await account('POST', MERGE, { carts: [guest.named] }))
        assert.deepEqual(
          [lines(cart), report.mode, outcomes(report), report.lines[0].saved],
          [['1 MUG'], 'keepAccount', ['rejected replaced'], false],
        )
      })

      it('SEED2-54 adopt brings along e-mail, addresses, method, codes, notes and attributes; with a cart in the way it is refused', async () => {
        const adopting = await openShop(running, {
          shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 5 }] }] },
        })
        const guest = await adopting.guest([{ sku: 'MUG', quantity: 2, note: 'red' }], { attributes: { gift: true } })
        const address = { country: 'DE', city: 'Ulm' }
        const has = {
          email: 'g@example.com',
          shippingAddress: address,
          billingAddress: { country: 'AT' },
          note: 'ring',
          shippingMethod: 'post',
        }
        const own = success(await guest.call('PATCH', '/carts/current', has)).cart
        const account = adopting.account('adopts')
        const answer = await account('POST', MERGE, { carts: [guest.named], mode: 'adopt' })
        assert.equal(answer.status, 201)
        const { cart } = answer.body
        const what = ({
          lines: all,
          attributes,
          email,
          shippingAddress,
          billingAddress,
          billingSameAsShipping,
          shippingMethod,
          note,
        }: Body) => ({ all, attributes, email, shippingAddress, billingAddress, billingSameAsShipping, shippingMethod, note })
        assert.deepEqual(what(cart), what(own))
        const another = await adopting.guest([{ sku: 'TEE' }])
        const refused = await account('POST', MERGE, { carts: [another.named], mode: 'adopt' })
        assert.deepEqual([refused.status, refused.body.code, refused.body.reason], [409, 'merge_forbidden', 'account_has_a_cart'])
      })

      it('SEED2-17 where merged carts are deleted, logging out leaves no cart until another item is added', async () => {
        const deleting = await openShop(running, {}, 'reconcile')
        const guest = await deleting.guest([{ sku: 'MUG', expectedUnitPrice: 1000 }])
        const { report } = success(await deleting.account('leaves')('POST', MERGE, { carts: [guest.named] }))
        assert.deepEqual(report.carts, [{ id: guest.id, outcome: 'deleted' }])
        assert.deepEqual(await deleting.rows([guest.id]), [])
        assert.equal((await guest.call('GET', '/carts/current')).status, 401)
        const nobody = success(await caller(deleting.path)('GET', '/carts/current'))
        assert.deepEqual([nobody.version, nobody.lines], [0, []])
      })

      it('also where merged carts are deleted, one that was brought by a link is closed: its guest still sees it', async () => {
        const deleting = await openShop(running, {}, 'reconcile')
        const guest = await deleting.guest([{ sku: 'MUG', expectedUnitPrice: 1000 }])
        const link = success(await guest.call('POST', '/carts/current/restore-links'))
        const { token } = success(await caller(deleting.path)('POST', '/carts/restore', { token: link.token }))
        const { report } = success(await deleting.account('finder')('POST', MERGE, { carts: [{ id: guest.id, token }] }))
        assert.deepEqual(report.carts, [{ id: guest.id, outcome: 'closed' }])
        assert.equal(success(await guest.call('GET', `/carts/${guest.id}`)).state, 'CLOSED')
      })

      it('while the cart of the account is being paid the guest cart is kept, unless a mode is named; a failed payment ends that', async () => {
        const account = shop.account('paying')
        success(await account('POST', '/carts/current/lines', { sku: 'MUG' }))
        success(await account('PATCH', '/carts/current', { email: 'a@example.com' }))
        const { id } = success(await account('GET', '/carts/current'))
        const { payment } = success(await account('POST', '/orders', { cartId: id }))
        const brings = async (sku: string, mode?: string) => {
          const guest = await shop.guest([{ sku }])
          return success(await account('POST', MERGE, { carts: [guest.named], ...(mode ? { mode } : {}) }))
        }
        const asked = await brings('TEE', 'merge')
        assert.deepEqual([lines(asked.cart), asked.report.mode], [['1 MUG', '1 TEE'], 'merge'])
        const during = await brings('CAP')
        assert.deepEqual([during.cart.id, lines(during.cart), during.report.mode], [id, ['1 CAP'], 'keepGuest'])
        await tell(running, shop.id, payment.id, 'failed')
        const after = await brings('MUG')
        assert.deepEqual([lines(after.cart), after.report.mode], [['1 CAP', '1 MUG'], 'merge'])
      })

      it("what a guest pays after the merge leaves the account's cart from where the merge put it, never what the account had", async () => {
        for (const [mode, kept, saved] of [
          ['merge', ['2 MUG'], []],
          ['keepAccount', ['2 MUG'], ['1 MUG']],
          ['keepGuest', [], ['2 MUG']],
        ] as const) {
          const account = shop.account(`pays-${mode}`)
          success(await account('POST', '/carts/current/lines', { sku: 'MUG', quantity: 2 }))
          const guest = await shop.guest([{ sku: 'MUG', quantity: 3 }])
          success(await guest.call('PATCH', '/carts/current', { email: 'g@example.com' }))
          const { payment } = success(await guest.call('POST', '/orders', { cartId: guest.id }))
          // One more while paying: it was not ordered.
          if (mode === 'keepAccount') success(await guest.call('POST', '/carts/current/lines', { sku: 'MUG' }))
          success(await account('POST', MERGE, { carts: [guest.named], mode }))
          await tell(running, shop.id, payment.id, 'paid')
          const cart = success(await account('GET', '/carts/current'))
          const aside = success(await account('GET', '/carts/current/saved-lines')).items
          assert.deepEqual([lines(cart), aside.map(({ quantity, sku }: Body) => `${quantity} ${sku}`)], [kept, saved], mode)
        }
      })

      it('what is set aside outlives the order of its cart', async () => {
        const { account, cart } = await met('outlives', 'keepGuest')
        success(await account('PATCH', '/carts/current', { email: 'a@example.com' }))
        const { payment } = success(await account('POST', '/orders', { cartId: cart.id }))
        await tell(running, shop.id, payment.id, 'paid')
        const next = success(await account('GET', '/carts/current'))
        assert.deepEqual([next.continues, lines(next)], [cart.id, []])
        assert.equal(success(await account('GET', '/carts/current/saved-lines')).items[0].quantity, 2)
      })

      it('a cart that is frozen while it is paid is not merged into', async () => {
        const freezing = await openShop(running, { checkout: { freeze: 'whilePaying' } })
        const account = freezing.account('frozen')
        const { id } = success(await account('POST', '/carts/current/lines', { sku: 'MUG' })).cart
        success(await account('PATCH', '/carts/current', { email: 'a@example.com' }))
        const { order } = success(await account('POST', '/orders', { cartId: id }))
        const guest = await freezing.guest([{ sku: 'TEE' }])
        const refused = await account('POST', MERGE, { carts: [guest.named] })
        assert.deepEqual([refused.status, refused.body.code], [409, 'cart_frozen'])
        success(await account('POST', `/orders/${order.id}/cancel`))
        assert.deepEqual(lines(success(await account('POST', MERGE, { carts: [guest.named] })).cart), ['1 MUG', '1 TEE'])
      })

      it('SEED2-56 where the shop reprices, lines without a price in the currency of the account are set aside and told', async () => {
        const pricing = await openShop(running, { merge: { currencyConflict: 'reprice' } })
        const account = pricing.account('reprices')
        success(await account('POST', '/carts/current/lines', { sku: 'TEE' }))
        const guest = await pricing.guest([{ sku: 'MUG' }, { sku: 'EURO' }], { currency: 'EUR' })
        const { cart, report } = success(await account('POST', MERGE, { carts: [guest.named] }))
        assert.deepEqual([lines(cart), cart.itemTotal, cart.notices], [['1 TEE', '1 MUG'], { amount: 3000, currency: 'USD' }, []])
        assert.deepEqual(outcomes(report), ['added', 'rejected no_price'])
        assert.deepEqual(success(await account('GET', '/carts/current/saved-lines')).items[0].sku, 'EURO')
      })

      it('carts must be named, except where a previous one may be restored', async () => {
        const account = shop.account('names')
        const [none, many] = [await account('POST', MERGE, { carts: [] }), [await shop.guest(), await shop.guest()]]
        assert.deepEqual([none.status, none.body.path], [422, '/carts'])
        const both = await account('POST', MERGE, { carts: many.map(({ named }) => named), mode: 'restorePrevious' })
        assert.deepEqual([both.status, both.body.path], [422, '/carts'])
        const elsewhere = await account('POST', MERGE, { carts: [{ id: many[0]?.id }] })
        assert.deepEqual([elsewhere.status, elsewhere.body.path], [422, '/carts/0/token'])
        const { id } = success(await account('POST', '/carts', {})).cart
        const named = await account('POST', `/carts/${id}/merge`, { carts: [], mode: 'restorePrevious' })
        assert.deepEqual([named.status, named.body.path], [422, '/mode'])
      })
    })

    describe('restoring the previous cart', () => {
      const shop = restoring
      const login = async (account: ReturnType<typeof shop.account>, guest?: { named: object }) =>
        success(await account('POST', MERGE, { carts: guest ? [guest.named] : [] }))

      it('SEED4-22 the session cart with items is given to the account and nothing is merged; the former one stays open beside it', async () => {
        const account = shop.account('gives')
        const former = success(await account('POST', '/carts/current/lines', { sku: 'MUG' })).cart
        const guest = await shop.guest([{ sku: 'MUG' }, { sku: 'TEE' }])
        const { cart, report } = await login(account, guest)
        assert.deepEqual([lines(cart), cart.isCurrent, report.mode], [['1 MUG', '1 TEE'], true, 'restorePrevious'])
        assert.deepEqual(report.carts, [
          { id: guest.id, outcome: 'closed' },
          { id: former.id, outcome: 'kept' },
        ])
        const kept = success(await account('GET', `/carts/${former.id}`))
        assert.deepEqual([kept.state, kept.isCurrent, lines(kept)], ['OPEN', false, ['1 MUG']])
        assert.equal(success(await account('GET', '/carts/current')).id, cart.id)
        // The new cart is emptied: at the next login the previous one with items is there again.
        success(await account('DELETE', '/carts/current/lines'))
        const empty = await shop.guest()
        const back = await login(account, empty)
        assert.deepEqual([back.cart.id, back.cart.isCurrent, lines(back.cart)], [former.id, true, ['1 MUG']])
        assert.equal(success(await account('GET', '/carts/current')).id, former.id)
      })

      it('SEED4-22 without a session cart the previous cart stands, and logging in again changes nothing', async () => {
        const account = shop.account('stands')
        const nothing = await login(account)
        assert.deepEqual([nothing.cart.version, nothing.report.lines], [0, []])
        const { cart } = success(await account('POST', '/carts/current/lines', { sku: 'MUG' }))
        for (const key of ['one', 'two']) {
          const answer = success(await account('POST', MERGE, { carts: [] }, { 'idempotency-key': key }))
          assert.deepEqual(answer.cart, cart)
        }
      })

      it('a cart that is begun while a previous one is restored is not lost, and one of the two is current', async () => {
        const account = shop.account('begins')
        success(await account('POST', '/carts/current/lines', { sku: 'TEE' }))
        success(await account('POST', MERGE, { carts: [(await shop.guest([{ sku: 'MUG' }])).named] }))
        success(await account('DELETE', '/carts/current'))
        const { store } = running.engine
        let begun: Body = null
        const transact: Store['transact'] = async (work, options) => {
          begun ??= success(await account('POST', '/carts/current/lines', { sku: 'MUG' })).cart
          return store.transact(work, options)
        }
        const merged = await mergeOn({ ...store, reader: store.reader, transact }, running, shop.id, 'begins', [])
        assert.ok(merged && !isRefusal(merged))
        const open = success(await account('GET', '/carts?state=OPEN')).items
        assert.deepEqual(
          open.map((cart: Body) => [lines(cart), cart.isCurrent]),
          [
            [['1 MUG'], true],
            [['1 TEE'], false],
          ],
        )
        assert.equal(JSON.parse(merged.text).id, begun.id)
      })

      it('20 logins and 20 first adds at once leave one current cart with everything', async () => {
        const account = shop.account('races')
        success(await account('POST', '/carts/current/lines', { sku: 'TEE' }))
        success(await account('POST', MERGE, { carts: [(await shop.guest([{ sku: 'MUG' }])).named] }))
        success(await account('DELETE', '/carts/current'))
        const adding = atOnce(20, () => account('POST', '/carts/current/lines', { sku: 'MUG' }))
        const logins = await atOnce(20, () => account('POST', MERGE, { carts: [] }))
        for (const answer of [...logins, ...(await adding)]) success(answer)
        const open: Body[] = success(await account('GET', '/carts?state=OPEN')).items
        assert.equal(open.filter((cart) => cart.isCurrent).length, 1)
        assert.equal(
          open.reduce((sum: number, cart) => sum + cart.itemCount, 0),
          21,
        )
      })
    })

    describe('who may', () => {
      it('SEED3-13 SEED2-48 a guest merges nothing, an account merges no account cart; what is not the own is not found', async () => {
        const [one, two] = [shop.account('one'), shop.account('two')]
        const [mine, theirs] = [success(await one('POST', '/carts', {})).cart, success(await two('POST', '/carts', {})).cart]
        const guest = await shop.guest([{ sku: 'MUG' }])
        const before = await shop.rows([mine.id, theirs.id, guest.id])
        const tried: [Answer, number, string, string | undefined][] = [
          [await guest.call('POST', MERGE, { carts: [guest.named] }), 409, 'merge_forbidden', 'target_is_not_an_account_cart'],
          [
            await guest.call('POST', `/carts/${mine.id}/merge`, { carts: [guest.named] }),
            409,
            'merge_forbidden',
            'target_is_not_an_account_cart',
          ],
          [await one('POST', MERGE, { carts: [{ ...guest.named, id: mine.id }] }), 409, 'merge_forbidden', 'source_is_not_a_guest_cart'],
          [await one('POST', MERGE, { carts: [{ id: mine.id, token: 'x' }] }), 409, 'merge_forbidden', 'source_is_not_a_guest_cart'],
          [await one('POST', MERGE, { carts: [{ ...guest.named, id: theirs.id }] }), 404, 'cart_not_found', undefined],
          [await one('POST', MERGE, { carts: [{ ...guest.named, id: 'cart_none' }] }), 404, 'cart_not_found', undefined],
          [await one('POST', `/carts/${theirs.id}/merge`, { carts: [guest.named] }), 404, 'cart_not_found', undefined],
          [await one('POST', `/carts/${guest.id}/merge`, { carts: [guest.named] }), 404, 'cart_not_found', undefined],
        ]
        for (const [{ status, body }, ...expected] of tried) assert.deepEqual([status, body.code, body.reason], expected)
        assert.deepEqual(await shop.rows([mine.id, theirs.id, guest.id]), before)
      })

      it('staff merge two carts of one customer where the shop allows it, which is on record; nobody else does', async () => {
        const classic = await openShop(running, {}, 'classic')
        const staff = success(
          await classic.admin('POST', '/api-keys', { kind: 'staff', name: 'desk', scopes: ['carts:read', 'carts:write'] }),
        )
        const account = classic.account('customer')
        const former = success(await account('POST', '/carts/current/lines', { sku: 'MUG' })).cart
        success(await account('POST', MERGE, { carts: [(await classic.guest([{ sku: 'TEE' }])).named] }))
        const desk = (body: object, token = staff.token) => caller(classic.path, token)('POST', `${MERGE}?account=test:customer`, body)
        const wanted = { carts: [{ id: former.id }], mode: 'merge' }
        const off = await desk(wanted)
        assert.deepEqual([off.status, off.body.reason], [409, 'staff_may_not_merge_here'])
        success(await classic.admin('PATCH', '/settings', { merge: { staffSameOwner: true } }))
        const stranger = success(await classic.account('stranger')('POST', '/carts/current/lines', { sku: 'MUG' })).cart
        assert.equal((await desk({ carts: [{ id: stranger.id }], mode: 'merge' })).status, 404)
        assert.equal((await desk(wanted, ADMIN)).body.reason, 'source_is_not_a_guest_cart')
        assert.equal((await account('POST', MERGE, wanted)).body.reason, 'source_is_not_a_guest_cart')
        const { cart } = success(await desk(wanted))
        assert.deepEqual([lines(cart), cart.isCurrent], [['1 TEE', '1 MUG'], true])
        const { db } = running.engine.store.reader
        const audit = await db
          .selectFrom('audit')
          .selectAll()
          .where('shop_id', '=', classic.id)
          .where('action', '=', 'carts.merged')
          .execute()
        assert.deepEqual(
          audit.map(({ actor, subject, before }) => [actor, subject, before]),
          [[`staff:${staff.id}`, cart.id, JSON.stringify({ carts: [former.id] })]],
        )
      })
    })

    describe('once', () => {
      it('SEED2-55 20 logins of one customer at once are one login, and each is told the same', async () => {
        const account = shop.account('storm')
        success(await account('POST', '/carts/current/lines', { sku: 'MUG' }))
        const guests = [await shop.guest([{ sku: 'MUG', quantity: 3 }]), await shop.guest([{ sku: 'TEE' }])]
        const answers = await atOnce(20, () => account('POST', MERGE, { carts: guests.map(({ named }) => named) }))
        assert.equal(new Set(answers.map((answer) => JSON.stringify(success(answer)))).size, 1)
        assert.deepEqual(lines(success(await account('GET', '/carts/current'))), ['4 MUG', '1 TEE'])
      })

      it('20 logins at once of a customer without a cart make one', async () => {
        const account = shop.account('newcomer')
        const guest = await shop.guest([{ sku: 'MUG', quantity: 3 }])
        const answers = await atOnce(20, () => account('POST', MERGE, { carts: [guest.named] }))
        assert.equal(answers.filter((answer) => answer.status === 201).length, 1)
        assert.equal(new Set(answers.map((answer) => JSON.stringify(success(answer)))).size, 1)
        assert.deepEqual(success(await account('GET', '/carts?state=OPEN')).items.map(lines), [['3 MUG']])
      })

      it('a merge is repeated within a day by the same account with the same carts and mode only: the same report, the cart as it is now', async () => {
        const account = shop.account('repeats')
        const [guest, other] = [await shop.guest([{ sku: 'MUG' }]), await shop.guest([{ sku: 'TEE' }])]
        const asked = { carts: [guest.named], mode: 'merge' }
        const first = await account('POST', MERGE, asked)
        success(await account('POST', '/carts/current/lines', { sku: 'TEE' }))
        success(await caller(running.url)('POST', '/v1/demo/clock', { advance: 'PT23H59M' }))
        const again = await account('POST', MERGE, asked)
        assert.deepEqual(
          [first.status, again.status, again.body.report, lines(again.body.cart)],
          [201, 200, first.body.report, ['1 MUG', '1 TEE']],
        )
        const before = await shop.rows([again.body.cart.id, guest.id, other.id])
        const wrong = { ...guest.named, token: `${guest.named.token.slice(0, -1)}${guest.named.token.endsWith('A') ? 'B' : 'A'}` }
        const tried = [
          await shop.account('somebody')('POST', MERGE, asked),
          await account('POST', MERGE, { ...asked, carts: [wrong] }),
          await account('POST', MERGE, { ...asked, mode: 'keepGuest' }),
          await account('POST', MERGE, { carts: [guest.named] }),
          await account('POST', MERGE, { ...asked, carts: [guest.named, other.named] }),
          await account('POST', MERGE, { ...asked, carts: [other.named, guest.named] }),
          await account('POST', MERGE, { ...asked, carts: [{ ...guest.named, id: other.id }] }),
        ]
        for (const { status, body } of tried) assert.deepEqual([status, body.code], [404, 'cart_not_found'])
        assert.deepEqual(await shop.rows([again.body.cart.id, guest.id, other.id]), before)
        assert.equal((await guest.call('GET', '/carts/current')).status, 401)
      })

      it('after a day it is not known any more, and nothing of the secret is kept', async () => {
        const account = shop.account('forgets')
        const guest = await shop.guest([{ sku: 'MUG' }])
        success(await account('POST', MERGE, { carts: [guest.named] }))
        const { db } = running.engine.store.reader
        const kept = async () =>
          (await db.selectFrom('merges').select('cart_id').where('cart_id', '=', guest.id).execute()).length +
          (
            await db
              .selectFrom('guest_secrets')
              .select('hash')
              .where('guest_id', '=', guest.named.token.split('_')[1] ?? '')
              .execute()
          ).length
        assert.equal(await kept(), 2)
        success(await caller(running.url)('POST', '/v1/demo/clock', { advance: 'PT24H' }))
        const late = await account('POST', MERGE, { carts: [guest.named] })
        assert.deepEqual([late.status, late.body.code], [404, 'cart_not_found'])
        await running.engine.jobs.runDue()
        success(await caller(running.url)('POST', '/v1/demo/clock', { advance: 'PT1S' }))
        assert.equal(await kept(), 0)
        assert.deepEqual(lines(success(await account('GET', '/carts/current'))), ['1 MUG'])
      })
    })

    describe('as a whole', () => {
      for (const onMerged of ['close', 'delete'] as const)
        it(`SEED2-55 a process that dies at any statement leaves both carts as they were, or merged; the next login does the rest (${onMerged})`, async () => {
          const shop = await openShop(running, { cart: { onMerged } })
          const hook = { url: 'http://127.0.0.1:9/', types: ['*'] }
          success(await shop.admin('POST', '/webhooks', hook, { 'idempotency-key': crypto.randomUUID() }))
          let deaths = 0
          for (let at = 1; ; at++) {
            const name = `dies-${at}`
            const account = shop.account(name)
            const target = success(await account('POST', '/carts/current/lines', { sku: 'MUG', quantity: 2 })).cart
            const guests = [await shop.guest([{ sku: 'MUG', quantity: 3 }]), await shop.guest([{ sku: 'TEE' }])]
            success((await guests[0]?.call('PATCH', '/carts/current', { email: 'g@example.com' })) ?? assert.fail())
            const { order } = success((await guests[0]?.call('POST', '/orders', { cartId: guests[0]?.id })) ?? assert.fail())
            const ids = [target.id, ...guests.map(({ id }) => id)]
            const before = await shop.rows(ids)
            const dying = dyingStore(running.engine.store, at)
            const died = await mergeOn(dying.store, running, shop.id, name, guests)
            if (!dying.hasDied()) {
              assert.ok(died && !isRefusal(died))
              break
            }
            deaths++
            assert.equal(died, null)
            const isDone = (await shop.rows([target.id]))[0]?.version !== target.version
            if (!isDone) {
              assert.deepEqual(await shop.rows(ids), before, `died at ${at}`)
              for (const guest of guests) assert.equal((await guest.call('GET', '/carts/current')).status, 200, `died at ${at}`)
              assert.equal(success(await shop.admin('GET', `/orders/${order.id}`)).owner.kind, 'guest')
            }
            const { cart, report } = success(await account('POST', MERGE, { carts: guests.map(({ named }) => named) }))
            assert.deepEqual(
              [cart.id, lines(cart), outcomes(report)],
              [target.id, ['5 MUG', '1 TEE'], ['combined', 'added']],
              `died at ${at}`,
            )
            for (const guest of guests) assert.equal((await guest.call('GET', '/carts/current')).status, 401)
            assert.equal(success(await shop.admin('GET', `/orders/${order.id}`)).owner.kind, 'account')
          }
          assert.ok(deaths > 12, `died ${deaths} times`)
        })
    })
  })
}

/** The provider's message about a payment. */
async function tell({ engine }: Server, shopId: string, paymentId: string, state: 'paid' | 'failed'): Promise<void> {
  const { session_id, amount, currency } = await engine.store.reader.db
    .selectFrom('payments')
    .select(['session_id', 'amount', 'currency'])
    .where('shop_id', '=', shopId)
    .where('id', '=', paymentId)
    .executeTakeFirstOrThrow()
  const known = { attemptId: paymentId, sessionId: session_id ?? '', amount, currency }
  await engine.reconciling.receive(shopId, 'sandbox', { eventId: `evt_${crypto.randomUUID()}`, state, ...known })
}

/** Merges guests on an engine of its own over a store; null when that failed. */
async function mergeOn(
  store: Store,
  { engine }: Server,
  shopId: string,
  name: string,
  guests: readonly { named: { id: string; token: string } }[],
) {
  const other = createEngine({
    store,
    clock: engine.clock,
    random: engine.random,
    signer: engine.signer,
    adminHash: () => '',
    providers: [],
    log: pino({ level: 'silent' }),
    publicUrl: () => 'http://shop.test',
    webhookTargets: readAllowed(THIS_MACHINE),
  })
  const named = guests.map((guest) => guest.named)
  return other
    .merge({
      shopId,
      account: { kind: 'account', accountId: `test:${name}` },
      groups: null,
      into: 'current',
      carts: named.map(({ id }) => id),
      by: 'account',
      byStaff: false,
      prove: async () =>
        named.map(({ id, token }) => ({ cartId: id, guestId: token.split('_')[1] ?? '', isLiving: true, limitedTo: null })),
      idempotency: { key: `dying-${crypto.randomUUID()}`, requestHash: 'x', sealed: null },
    })
    .catch(() => null)
    .finally(() => other.carts.drain())
}

/** A store whose process dies before its `at`-th statement that is part of a transaction, its commit, or right after that; it stays dead. */
function dyingStore(store: Store, at: number): { store: Store; hasDied: () => boolean } {
  let count = 0
  const tick = () => {
    if (++count >= at) throw new Error('The process is dead.')
  }
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => {
      tick()
      return node
    },
    transformResult: async ({ result }) => result,
  }
  const mortal = (writer: Writer): Writer =>
    asWriter({
      dialect: writer.dialect,
      db: writer.db.withPlugin(plugin),
      run: (statement, parameters) => {
        tick()
        return writer.run(statement, parameters)
      },
    })
  const transact: Store['transact'] = async (work, options) => {
    const result = await store.transact(async (writer) => {
      const value = await work(mortal(writer))
      tick()
      return value
    }, options)
    tick()
    return result
  }
  return { store: { ...store, reader: store.reader, transact }, hasDied: () => count >= at }
}
