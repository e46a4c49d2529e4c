// What the catalogue import promises to whoever hands it a file: exact money, stable skus, true line numbers, and that a bad row costs
// nothing but itself. Every file is written here, in full, so that a line number in a test can be counted.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProductInput } from '../core/product.ts'
import type { CsvProduct, CsvRefusal } from './product-csv.ts'
import { readProductCsv } from './product-csv.ts'

const DECIMALS: Readonly<Record<string, number>> = { USD: 2, EUR: 2, JPY: 0, KWD: 3 }

async function* chunks(parts: Iterable<string | Buffer>): AsyncGenerator<string | Buffer> {
  yield* parts
}

async function collect(reader: AsyncIterable<CsvProduct>): Promise<CsvProduct[]> {
  const all: CsvProduct[] = []
  for await (const each of reader) all.push(each)
  return all
}

async function read(parts: string | Iterable<string | Buffer>, currency = 'USD') {
  const input = chunks(typeof parts === 'string' ? [parts] : parts)
  const all = await collect(readProductCsv(input, { currency, exponent: (code) => DECIMALS[code] }))
  return {
    all,
    products: all.flatMap((one): ProductInput[] => ('product' in one ? [one.product] : [])),
    refused: all.flatMap((one): CsvRefusal[] => ('refused' in one ? [one] : [])),
  }
}

/** A file of one-row products: one object per row, the columns are those that any row names. */
function csv(...rows: Record<string, string>[]): string {
  const columns = [...new Set(['Handle', 'Title', 'Variant Price', ...rows.flatMap((row) => Object.keys(row))])]
  const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return [columns, ...rows.map((row) => columns.map((column) => quoted(row[column] ?? '')))].map((cells) => `${cells.join(',')}\n`).join('')
}

async function one(row: Record<string, string>, currency?: string): Promise<ProductInput> {
  const { products, refused } = await read(csv({ Handle: 'thing', Title: 'Thing', 'Variant Price': '10', ...row }), currency)
  assert.deepEqual(refused, [])
  assert.ok(products[0])
  return products[0]
}

async function refusalOf(row: Record<string, string>, currency?: string): Promise<string | undefined> {
  const { products, refused } = await read(csv({ Handle: 'thing', Title: 'Thing', 'Variant Price': '10', ...row }), currency)
  assert.equal(products.length, 0)
  assert.ok(refused[0])
  assert.equal(refused[0].line, 2)
  assert.notEqual(refused[0].refused, '')
  return refused[0].column
}

test('rows of one handle become one product with its variants in order', async () => {
  const { all } = await read(
    `Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price,Unknown
scarf,Scarf,Size,Small,Colour,Red,SC-S-R,19.90,x
scarf,,,Large,,Red,SC-L-R,21.90,y
cap,Cap,Title,Default Title,,,CAP,9.00,z
`,
  )
  assert.equal(all.length, 2)
  const [scarf, cap] = all
  assert.ok(scarf && 'product' in scarf && cap && 'product' in cap)
  assert.equal(scarf.line, 2)
  assert.equal(cap.line, 4)
  assert.deepEqual(
    scarf.product.variants.map(({ sku, name, options }) => ({ sku, name, options })),
    [
      { sku: 'SC-S-R', name: 'Small / Red', options: { Size: 'Small', Colour: 'Red' } },
      { sku: 'SC-L-R', name: 'Large / Red', options: { Size: 'Large', Colour: 'Red' } },
    ],
  )
  assert.deepEqual(cap.product.variants[0]?.options, {})
  assert.equal(cap.product.variants[0]?.name, '')
})

test('a cell that is not given has the meaning the format gives it', async () => {
  assert.deepEqual(await one({}), {
    handle: 'thing',
    name: 'Thing',
    description: '',
    tags: [],
    kind: 'goods',
    published: true,
    taxCategory: 'standard',
    images: [],
    variants: [
      {
        sku: 'thing',
        name: '',
        options: {},
        prices: [{ currency: 'USD', amount: 1000 }],
        stockPolicy: 'untracked',
        requiresShipping: true,
        taxable: true,
        grams: 0,
      },
    ],
  })
})

test('every cell that is given arrives', async () => {
  const product = await one({
    Vendor: 'Us',
    Type: 'Tools',
    Tags: 'b, a ,,b',
    Published: 'FALSE',
    'Variant Tax Code': 'reduced',
    'Variant Requires Shipping': 'false',
    'Variant Taxable': 'false',
    'Variant Grams': '226.796',
    'Variant Barcode': '0400',
    'Variant Image': '/v.svg',
    'Quantity Step': '6',
    'Product Category': 'Home & Garden > Kitchen',
    'Shipping Category': 'fragile',
  })
  const [variant] = product.variants
  assert.ok(variant)
  assert.deepEqual([product.categories, product.shippingCategory], [['Home & Garden > Kitchen'], 'fragile'])
  assert.equal(product.vendor, 'Us')
  assert.equal(product.productType, 'Tools')
  assert.deepEqual(product.tags, ['b', 'a'])
  assert.equal(product.published, false)
  assert.equal(product.taxCategory, 'reduced')
  assert.equal(variant.requiresShipping, false)
  assert.equal(variant.taxable, false)
  assert.equal(variant.grams, 227)
  assert.equal(variant.barcode, '0400')
  assert.equal(variant.image, '/v.svg')
  assert.equal(variant.quantityStep, 6)
})

test('a product that is a draft or archived elsewhere is not published here', async () => {
  assert.equal((await one({ Published: 'true', Status: 'active' })).published, true)
  assert.equal((await one({ Published: 'true', Status: 'draft' })).published, false)
  assert.equal((await one({ Published: 'true', Status: 'archived' })).published, false)
})

test('a price arrives exactly, in minor units of its currency', async () => {
  const amount = async (text: string, currency: string) => (await one({ 'Variant Price': text }, currency)).variants[0]?.prices[0]?.amount
  assert.equal(await amount('19.9', 'USD'), 1990)
  assert.equal(await amount('1.10', 'USD'), 110)
  assert.equal(await amount('0.07', 'USD'), 7)
  assert.equal(await amount('0', 'USD'), 0)
  assert.equal(await amount('1200', 'JPY'), 1200)
  assert.equal(await amount('1.005', 'KWD'), 1005)
  assert.equal(await amount('4.35', 'KWD'), 4350)
  assert.equal(await amount('90071992547409.91', 'USD'), 9007199254740991)
})

test('an amount that is not exactly one in its currency is refused, never rounded', async () => {
  for (const text of ['1.005', '1,50', '-1', '1.', '.5', '1e2', '$5', '90071992547409.92']) {
    assert.equal(await refusalOf({ 'Variant Price': text }), 'Variant Price', text)
  }
  assert.equal(await refusalOf({ 'Variant Price': '100.5' }, 'JPY'), 'Variant Price')
  assert.equal(await refusalOf({ 'Variant Price': '1.0005' }, 'KWD'), 'Variant Price')
  assert.equal(await refusalOf({ 'Variant Compare At Price': '12.345' }), 'Variant Compare At Price')
  assert.equal(await refusalOf({ 'Variant Price': '' }), 'Variant Price')
})

test('a compare-at price is kept only when it is higher than the price', async () => {
  const listAmount = async (text: string) => (await one({ 'Variant Compare At Price': text })).variants[0]?.prices[0]?.listAmount
  assert.equal(await listAmount('12.50'), 1250)
  assert.equal(await listAmount('10'), undefined)
  assert.equal(await listAmount('9.99'), undefined)
})

test('a product can be priced in a currency of its own', async () => {
  assert.deepEqual((await one({ Currency: 'eur' })).variants[0]?.prices, [{ currency: 'EUR', amount: 1000 }])
  assert.deepEqual((await one({ Currency: 'JPY' })).variants[0]?.prices, [{ currency: 'JPY', amount: 10 }])
  assert.equal(await refusalOf({ Currency: 'XXX' }), 'Currency')
})

test('an unknown currency for the whole file is the caller’s mistake and throws', async () => {
  await assert.rejects(read(csv({ Handle: 'thing', Title: 'Thing', 'Variant Price': '1' }), 'XXX'), RangeError)
})

test('stock is counted only when a tracker is named', async () => {
  const stock = async (tracker: string, quantity: string, policy: string) => {
    const row = { 'Variant Inventory Tracker': tracker, 'Variant Inventory Qty': quantity, 'Variant Inventory Policy': policy }
    const [variant] = (await one(row)).variants
    return [variant?.stockPolicy, variant?.onHand]
  }
  assert.deepEqual(await stock('', '1', 'deny'), ['untracked', undefined])
  assert.deepEqual(await stock('shopify', '2', 'deny'), ['deny', 2])
  assert.deepEqual(await stock('shopify', '2', ''), ['deny', 2])
  assert.deepEqual(await stock('shopify', '0', 'continue'), ['continue', 0])
  assert.deepEqual(await stock('shopify', '-3', 'continue'), ['continue', 0])
  assert.deepEqual(await stock('shopify', '', 'deny'), ['deny', undefined])
  assert.equal(await refusalOf({ 'Variant Inventory Tracker': 'x', 'Variant Inventory Qty': '1.5' }), 'Variant Inventory Qty')
  assert.equal(await refusalOf({ 'Variant Inventory Tracker': 'x', 'Variant Inventory Policy': 'sure' }), 'Variant Inventory Policy')
})

test('a variant without a sku gets the same sku on every import', async () => {
  const file = `Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price
top,Top,Size,Small,,1
top,,,S/M,,1
top,,,S-M,,1
top,,,s m,,1
top,,,Größe 1.5,,1
top,,,赤,,1
top,,,Other,top-small,1
`
  const skus = (await read(file)).products[0]?.variants.map((variant) => variant.sku)
  assert.deepEqual(skus, ['top-small-2', 'top-s-m', 'top-s-m-2', 'top-s-m-3', 'top-grosse-1-5', 'top-u8d64', 'top-small'])
  assert.deepEqual(
    (await read(file)).products[0]?.variants.map((variant) => variant.sku),
    skus,
  )
})

test('pictures come in the order of their positions, and a row with only a picture is no variant', async () => {
  const { products, refused } = await read(
    `Handle,Title,Variant Price,Image Src,Image Position,Image Alt Text
mug,Mug,9,https://example.test/2.png,2,Side
mug,,,/1.png,1,
mug,,,/last.png,,
mug,,,/1.png,4,again
`,
  )
  assert.deepEqual(refused, [])
  assert.deepEqual(products[0]?.images, [{ src: '/1.png' }, { src: 'https://example.test/2.png', alt: 'Side' }, { src: '/last.png' }])
  assert.equal(products[0]?.variants.length, 1)
})

test('a bad picture is refused without its variant', async () => {
  const { products, refused } = await read(csv({ Handle: 'mug', Title: 'Mug', 'Variant Price': '9', 'Image Src': 'javascript:alert(1)' }))
  assert.deepEqual(products[0]?.images, [])
  assert.equal(products[0]?.variants.length, 1)
  assert.equal(refused[0]?.column, 'Image Src')
})

test('a bad variant is refused with line, column and reason; its siblings arrive', async () => {
  const { products, refused } = await read(
    `Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price
top,Top,Size,S,A,1
top,,,M,B,cheap
top,,,L,A,1
top,,,S,C,1
top,,,,D,1
top,,,XL,E,1
`,
  )
  assert.deepEqual(
    products[0]?.variants.map((variant) => variant.sku),
    ['A', 'E'],
  )
  assert.deepEqual(
    refused.map(({ line, handle, column }) => [line, handle, column]),
    [
      [3, 'top', 'Variant Price'],
      [4, 'top', 'Variant SKU'],
      [5, 'top', 'Option1 Value'],
      [6, 'top', 'Option1 Value'],
    ],
  )
  assert.match(refused[0]?.refused ?? '', /cheap/)
})

test('a product arrives although its first variant is bad', async () => {
  const { products } = await read('Handle,Title,Option1 Name,Option1 Value,Variant Price\ntop,Top,Size,S,x\ntop,,,M,1\n')
  assert.equal(products[0]?.name, 'Top')
  assert.deepEqual(
    products[0]?.variants.map((variant) => variant.name),
    ['M'],
  )
})

test('a product without any good variant is refused; the next one arrives', async () => {
  const { products, refused } = await read('Handle,Title,Variant Price\nbad,Bad,x\ngood,Good,1\n')
  assert.deepEqual(
    products.map((product) => product.handle),
    ['good'],
  )
  assert.deepEqual(
    refused.map(({ line, handle, column }) => [line, handle, column]),
    [
      [2, 'bad', 'Variant Price'],
      [2, 'bad', undefined],
    ],
  )
})

test('a product whose first row is bad is refused once, with all its rows', async () => {
  const { products, refused } = await read('Handle,Title,Variant Price,Kind\nbad,Bad,1,toy\nbad,,2,\ngood,Good,1,\nbare,,1,\n')
  assert.deepEqual(
    products.map((product) => product.handle),
    ['good'],
  )
  assert.deepEqual(
    refused.map(({ line, handle, column }) => [line, handle, column]),
    [
      [2, 'bad', 'Kind'],
      [5, 'bare', 'Title'],
    ],
  )
})

test('a handle that comes again after another product is refused and changes neither', async () => {
  const { products, refused } = await read(
    `Handle,Title,Option1 Name,Option1 Value,Variant Price
a,A,Size,S,1
b,B,Size,S,2
a,,,M,1
b,,,M,2
`,
  )
  assert.deepEqual(
    products.map(({ handle, variants }) => [handle, variants.length]),
    [
      ['a', 1],
      ['b', 2],
    ],
  )
  assert.deepEqual(
    refused.map(({ line, handle, column }) => [line, handle, column]),
    [[4, 'a', 'Handle']],
  )
})

test('a handle that cannot be part of an address is refused', async () => {
  assert.equal(await refusalOf({ Handle: 'a/b' }), 'Handle')
  assert.equal(await refusalOf({ Handle: 'a b' }), 'Handle')
  assert.equal(await refusalOf({ Handle: 'x'.repeat(256) }), 'Handle')
  assert.equal(await refusalOf({ Handle: '' }), 'Handle')
  assert.equal((await one({ Handle: 'x'.repeat(255) })).handle.length, 255)
})

test('a product has at most 250 variants; what is beyond is refused', async () => {
  const rows = Array.from({ length: 252 }, (_, index) => `top,${index ? '' : 'Top'},${index ? '' : 'No'},${index},1\n`)
  const { products, refused } = await read(`Handle,Title,Option1 Name,Option1 Value,Variant Price\n${rows.join('')}`)
  assert.equal(products[0]?.variants.length, 250)
  assert.deepEqual(
    refused.map(({ line }) => line),
    [252, 253],
  )
})

test('a recharge has presets, custom amounts between bounds, and needs no price', async () => {
  const row = { Kind: 'recharge', 'Variant Price': '', 'Amount Presets': '10; 25;50.50', 'Amount Min': '5', 'Amount Max': '500' }
  const product = await one(row)
  assert.deepEqual(product.recharge, { currency: 'USD', presets: [1000, 2500, 5050], allowCustom: true, min: 500, max: 50000 })
  assert.deepEqual(product.variants[0]?.prices, [])
  assert.equal(product.variants[0]?.requiresShipping, false)
  const presetsOnly = await one({ Kind: 'recharge', 'Amount Presets': '10', Currency: 'EUR' })
  assert.deepEqual(presetsOnly.recharge, { currency: 'EUR', presets: [1000], allowCustom: false })
})

test('SEED0-13 a recharge without amounts, or with impossible ones, is refused', async () => {
  assert.equal(await refusalOf({ Kind: 'recharge' }), 'Amount Presets')
  assert.equal(await refusalOf({ Kind: 'recharge', 'Amount Presets': '10;0' }), 'Amount Presets')
  assert.equal(await refusalOf({ Kind: 'recharge', 'Amount Presets': '10;10.00' }), 'Amount Presets')
  assert.equal(await refusalOf({ Kind: 'recharge', 'Amount Presets': '10;custom' }), 'Amount Presets')
  assert.equal(await refusalOf({ Kind: 'recharge', 'Amount Min': '9', 'Amount Max': '8' }), 'Amount Max')
  assert.equal(await refusalOf({ Kind: 'goods', 'Amount Min': '9' }), 'Amount Min')
})

test('a subscription has plans with exact prices, and needs no price of its own', async () => {
  const plans = 'monthly|Monthly|P1M|9.90;yearly|Yearly|P1Y|99.00'
  const product = await one({ Kind: 'subscription', 'Variant Price': '', Plans: plans })
  assert.deepEqual(product.plans, [
    { id: 'monthly', name: 'Monthly', interval: 'P1M', price: { currency: 'USD', amount: 990 } },
    { id: 'yearly', name: 'Yearly', interval: 'P1Y', price: { currency: 'USD', amount: 9900 } },
  ])
  const terms = await one({ Kind: 'subscription', 'Variant Price': '', Plans: 'm|M|P2W|1|exclusive|periods=12;y|Y|P1Y|9|exclusive=club' })
  assert.deepEqual(
    terms.plans?.map(({ exclusive, maxPeriods }) => [exclusive, maxPeriods]),
    [
      [true, 12],
      ['club', undefined],
    ],
  )
  for (const bad of ['m|M|P1M|1|periods=0', 'm|M|P1M|1|exclusive=', 'm|M|P1M|1|more', 'm|M|P1M2D|1', 'm|M|P100Y|1'])
    assert.equal(await refusalOf({ Kind: 'subscription', Plans: bad }), 'Plans', bad)
  for (const bad of ['', 'm|M|P1M', 'm|M|month|1', 'm|M|P|1', 'm|M|P0M|1', 'm|M|P1M|1.234', '|M|P1M|1', 'm|M|P1M|1;m|N|P1Y|2']) {
    assert.equal(await refusalOf({ Kind: 'subscription', Plans: bad }), 'Plans', bad)
  }
  assert.equal(await refusalOf({ Plans: plans }), 'Plans')
})

test('a gift card is digital unless its kind is given', async () => {
  assert.equal((await one({ 'Gift Card': 'true' })).kind, 'digital')
  assert.equal((await one({ 'Gift Card': 'true', Kind: 'recharge', 'Amount Presets': '5' })).kind, 'recharge')
  assert.equal((await one({ 'Gift Card': 'false' })).kind, 'goods')
})

test('a recharge is not taxed unless its row says so', async () => {
  const taxable = async (row: Record<string, string>) => (await one(row)).variants[0]?.taxable
  const recharge = { Kind: 'recharge', 'Amount Presets': '5' }
  assert.deepEqual([await taxable({}), await taxable(recharge)], [true, false])
  assert.deepEqual(
    [await taxable({ ...recharge, 'Variant Taxable': 'true' }), await taxable({ 'Variant Taxable': 'false' })],
    [true, false],
  )
})

test('a cell with an impossible value is refused under its own name', async () => {
  const impossible: Record<string, string[]> = {
    Published: ['maybe'],
    Status: ['deleted'],
    'Variant Taxable': ['1'],
    'Variant Grams': ['-1', 'heavy'],
    'Quantity Step': ['0', '1.5', '-6'],
    'Variant Image': ['data:x'],
  }
  for (const [column, texts] of Object.entries(impossible)) {
    for (const text of texts) assert.equal(await refusalOf({ [column]: text }), column, text)
  }
})

test('a description arrives as text, without tags, comments and scripts', async () => {
  const description = async (html: string) => (await one({ 'Body (HTML)': html })).description
  assert.equal(await description('<p>Warm &amp; <b>dry</b></p><p>size &lt; 3</p>'), 'Warm & dry\n\nsize < 3')
  assert.equal(await description('a<script>alert("<b>")</script>b<style>p{}</style>c<!-- > -->d'), 'abcd')
  assert.equal(await description('1 < 2, and 2 > 1'), '1 < 2, and 2 > 1')
  assert.equal(await description('open <img src="x'), 'open')
  assert.equal(await description('&amp;lt;b&amp;gt;'), '&lt;b&gt;')
})

test('a hostile description costs no more than its length', { timeout: 5000 }, async () => {
  for (const part of ['<', '<a', '<!--', '<script>', '<script></script>', '&amp;', ' \n']) {
    await one({ 'Body (HTML)': part.repeat(900_000 / part.length), Tags: 'x' })
  }
})

test('byte order mark, CRLF, quoted line breaks and a missing last line break are read; lines are those of the file', async () => {
  const text = '\uFEFFHandle,Title,Body (HTML),Variant Price\r\n\r\na,A,"one\r\ntwo, ""three""\r\n",1\r\n,,,\r\nb,B,"x\ny",2\r\nc,C,,bad'
  const expected = [
    [3, 'a'],
    [7, 'b'],
    [9, 'c'],
    [9, 'c'],
  ]
  const bytes = Buffer.from(text)
  for (const size of [1, 2, 3, 7, 64, bytes.length]) {
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
    const { all, products } = await read(parts)
    assert.deepEqual(
      all.map((each) => [each.line, 'product' in each ? each.product.handle : each.handle]),
      expected,
      `chunks of ${size}`,
    )
    assert.equal(products[0]?.description, 'one\ntwo, "three"')
  }
})

test('letters survive however the input is cut, as bytes and as text', async () => {
  const text = csv({ Handle: 'a', Title: 'Tōkyō 🫖 “Größe”', 'Variant Price': '1' })
  const bytes = Buffer.from(text)
  assert.equal((await read([...bytes].map((byte) => Buffer.from([byte])))).products[0]?.name, 'Tōkyō 🫖 “Größe”')
  assert.equal((await read(text.split(''))).products[0]?.name, 'Tōkyō 🫖 “Größe”')
  const padded = csv({ Handle: 'a', Title: 'A', 'Variant Price': '1', 'Body (HTML)': '🫖'.repeat(100_000) })
  assert.equal((await read(padded)).products[0]?.description, '🫖'.repeat(100_000))
})

test('columns are found by name, in any order and case', async () => {
  const { products } = await read('variant price, TITLE ,handle\n3,Thing,thing\n')
  assert.equal(products[0]?.variants[0]?.prices[0]?.amount, 300)
})

test('a file without a Handle column, and an empty one, is one refusal for line 1', async () => {
  for (const text of ['', '\n\n', 'Title,Variant Price\nA,1\n', 'Handle;Title\na;A\n', 'Ha"ndle,Title\nHandle,Title\n']) {
    const { all } = await read(text)
    assert.deepEqual(
      all.map(({ line }) => line),
      [1],
      JSON.stringify(text),
    )
    assert.ok(all[0] && 'refused' in all[0])
  }
  assert.equal((await read([Buffer.from('\uFEFFHandle,Title\n', 'utf16le')])).refused.length, 1)
})

test('a file with only a header has no products and no refusals', async () => {
  assert.deepEqual((await read('Handle,Title\n')).all, [])
})

test('malformed quoting is refused with its line; the rows around it arrive', async () => {
  const { products, refused } = await read(
    `Handle,Title,Variant Price
a,A,1
b,B"ad,1
c,C,1
d,"D"ad",1
e,E,1
f,"F"ad,1
g,G,1
h,"H",1
i,I,1
`,
  )
  assert.deepEqual(
    products.map((product) => product.handle),
    ['a', 'c', 'e', 'i'],
  )
  assert.deepEqual(
    refused.map(({ line }) => line),
    [3, 5, 7, 9],
  )
  assert.match(refused[3]?.refused ?? '', /lines 7 to 9 were not read/)
})

test('a quotation mark that is never closed is refused with the line it stands on', async () => {
  const small = await read('Handle,Title,Variant Price\na,A,1\nb,"B,1\nc,C,1\n')
  assert.deepEqual(
    small.products.map((product) => product.handle),
    ['a'],
  )
  assert.deepEqual(
    small.refused.map(({ line }) => line),
    [3],
  )
  assert.match(small.refused[0]?.refused ?? '', /nothing from line 3 on was read/)
  const large = await read(['Handle,Title,Variant Price\na,A,1\nb,"B,1\n', ...Array.from({ length: 3000 }, () => `${'x'.repeat(999)}\n`)])
  assert.deepEqual(
    large.products.map((product) => product.handle),
    ['a'],
  )
  assert.deepEqual(
    large.refused.map(({ line }) => line),
    [3],
  )
})

test('a row with more fields than the header is refused, for its cells stand under the wrong names', async () => {
  const { products, refused } = await read('Handle,Title,Variant Price\na,Salt, pepper,1\nb,B,1,,\nc,C\n')
  assert.deepEqual(
    products.map((product) => product.handle),
    ['b'],
  )
  assert.deepEqual(
    refused.map(({ line, handle }) => [line, handle]),
    [
      [2, 'a'],
      [4, 'c'],
      [4, 'c'],
    ],
  )
})

test('a row that is not UTF-8 is refused instead of importing broken letters', async () => {
  const { products, refused } = await read([Buffer.from('Handle,Title,Variant Price\na,Caf\xE9,1\nb,B,1\n', 'latin1')])
  assert.deepEqual(
    products.map((product) => product.handle),
    ['b'],
  )
  assert.deepEqual(
    refused.map(({ line }) => line),
    [2],
  )
  assert.equal(await refusalOf({ Title: 'a\0b' }), undefined)
})

test('an input that breaks off throws, so that a torn file is not taken for a short one', async () => {
  async function* broken(): AsyncGenerator<string> {
    yield 'Handle,Title,Variant Price\na,A,1\nb,B,1\n'
    throw new Error('connection lost')
  }
  const reader = readProductCsv(broken(), { currency: 'USD', exponent: () => 2 })
  await assert.rejects(collect(reader), /connection lost/)
})

test('products come out while the file is still being read, and a reader that stops lets go of the input', async () => {
  let written = 0
  let closed = false
  async function* endless(): AsyncGenerator<string> {
    try {
      yield 'Handle,Title,Variant Price\n'
      for (;;) yield `p${written++},P,1\n`
    } finally {
      closed = true
    }
  }
  for await (const product of readProductCsv(endless(), { currency: 'USD', exponent: () => 2 })) {
    if (product.line === 100) break
  }
  assert.equal(closed, true)
  assert.ok(written <= 102, `${written} rows were asked for`)
})
