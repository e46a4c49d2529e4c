// The order and the cart that a preview shows while a shop has none to show: one of everything that an e-mail may say.
import type { Money } from '../core/money.ts'
import { ORDER_FORMAT, type Order, type OrderLine, orderLinesOf, type ServedOrder } from '../core/order.ts'
import type { PricedCart, PricedLine } from '../core/pricing.ts'
import { rfc3339 } from '../core/time.ts'
import type { ShopFacts } from './facts.ts'

const GUEST = { kind: 'guest', guestId: '0'.repeat(32) } as const
const EMAIL = 'robin@example.com'
const ADDRESS = { name: 'Robin Example', line1: '1 Main Street', city: 'Portland', region: 'OR', postalCode: '97201', country: 'US' }

/** A line of goods, with what is taken off it. */
function lineOf(currency: string, id: string, name: string, of: { quantity: number; price: number; off: number; at: string }): PricedLine {
  const money = (amount: number): Money => ({ amount, currency })
  const itemTotal = of.quantity * of.price
  const discount = {
    type: 'promotion' as const,
    label: '10 % off',
    amount: money(-of.off),
    included: false,
    source: { kind: 'promotion' as const, id: 'prm_sample', code: 'WELCOME10' },
    target: 'line' as const,
    lineId: id,
  }
  return {
    id,
    sku: `SAMPLE-${id}`,
    productId: null,
    handle: null,
    name,
    variantName: '',
    image: null,
    kind: 'goods',
    seller: null,
    quantity: of.quantity,
    options: id === 'ln_1' ? { Engraving: 'For Robin' } : {},
    note: null,
    attributes: {},
    amount: null,
    parts: [],
    plan: null,
    priceSource: 'catalog',
    unitPrice: money(of.price),
    priceWhenAdded: money(of.price),
    listPrice: null,
    itemTotal: money(itemTotal),
    discountTotal: money(-of.off),
    total: money(itemTotal - of.off),
    adjustments: [discount],
    requiresShipping: true,
    taxSource: 'rates',
    giftOf: null,
    state: 'AVAILABLE',
    addedAt: of.at,
  }
}

function contentOfSample(shop: ShopFacts, at: string) {
  const { currency } = shop
  const money = (amount: number): Money => ({ amount, currency })
  const lines = [
    lineOf(currency, 'ln_1', 'Stoneware mug', { quantity: 2, price: 1800, off: 360, at }),
    lineOf(currency, 'ln_2', 'Notebook', { quantity: 1, price: 1250, off: 125, at }),
  ]
  const shipping = {
    type: 'shipping' as const,
    label: 'Standard',
    amount: money(495),
    included: false,
    source: { kind: 'shipping_method' as const, id: 'standard' },
    target: 'shipping' as const,
  }
  return {
    currency,
    lines,
    adjustments: [shipping],
    codes: [],
    email: EMAIL,
    shippingAddress: ADDRESS,
    billingAddress: ADDRESS,
    shippingMethod: 'standard',
    customerGroups: [],
    vatId: null,
    vatIdChecked: false,
    taxExempt: false,
    attributes: {},
    note: 'Please ring twice.',
    itemTotal: money(4850),
    discountTotal: money(-485),
    shippingTotal: money(495),
    includedTaxTotal: money(0),
    additionalTaxTotal: money(0),
    total: money(4860),
  }
}

/** A paid order. */
export function sampleOrder(shop: ShopFacts, now: number): ServedOrder {
  const at = rfc3339(now)
  const content = contentOfSample(shop, at)
  const lines: readonly OrderLine[] = orderLinesOf(content.lines)
  const order: Order = {
    ...content,
    lines,
    format: ORDER_FORMAT,
    subscriptionId: null,
    subscriptionPeriod: null,
    id: `ord_${'0'.repeat(32)}`,
    number: '0'.repeat(32),
    shortNumber: '0000000',
    reference: '1042',
    shopId: shop.id,
    state: 'PLACED',
    paymentState: 'PAID',
    fulfilmentState: 'UNFULFILLED',
    status: 'placed',
    isCompleted: true,
    cartId: null,
    whole: true,
    owner: GUEST,
    placedBy: 'guest',
    language: null,
    version: 2,
    revision: 1,
    createdAt: at,
    updatedAt: at,
    orderedAt: at,
    paidAt: at,
    completedAt: null,
    cancelledAt: null,
    expiresAt: null,
  }
  const { format: _, ...told } = order
  const money = (amount: number): Money => ({ amount, currency: content.currency })
  return {
    ...told,
    paidTotal: content.total,
    refundedTotal: money(0),
    cancelledTotal: money(0),
    outstandingTotal: money(0),
    payments: [],
    refunds: [],
    fulfilments: [
      {
        ...{ id: `ful_${'0'.repeat(32)}`, state: 'SHIPPED', createdAt: at, updatedAt: at },
        lines: lines.map(({ id, quantity }) => ({ lineId: id, quantity })),
        ...{ carrier: 'DHL', trackingNumber: '00340434161094042557', trackingUrl: 'https://tracking.example/00340434161094042557' },
        ...{ expectedAt: null, shippedAt: at, deliveredAt: null, note: null },
      },
    ],
  }
}

/** A cart that was left alone. */
export function sampleCart(shop: ShopFacts, now: number): PricedCart {
  const at = rfc3339(now)
  return {
    ...contentOfSample(shop, at),
    id: `cart_${'0'.repeat(32)}`,
    number: '0'.repeat(32),
    shopId: shop.id,
    type: 'shopping',
    state: 'OPEN',
    closedReason: null,
    mergedInto: null,
    orderId: null,
    continues: null,
    isCurrent: true,
    owner: GUEST,
    version: 1,
    pricing: 1,
    billingSameAsShipping: true,
    shippingSameAsBilling: false,
    requiresShipping: true,
    shippingEstimate: null,
    notices: [],
    itemCount: 3,
    createdAt: at,
    updatedAt: at,
    expiresAt: null,
  }
}
