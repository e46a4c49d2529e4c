// Decides how a Shopify product export becomes products. Rows of a product stand one after the other under the same `Handle`; a bad row is
// refused with its line and never stops a good one. Streaming: it holds one piece of input, one product, and the handles seen so far
// (without those a handle that comes again could not be told from a new one). Money is converted digit by digit, never through a fraction.

import type { CsvError, CsvErrorCode } from 'csv-parse'
import { parse } from 'csv-parse'
import type { Plan, Price, ProductImage, ProductInput, ProductKind, RechargeRule, StockPolicy, VariantInput } from '../core/product.ts'
import { PRODUCT_KINDS, UNSHIPPED_KINDS, UNTAXED_KINDS } from '../core/product.ts'
import { intervalOf } from '../core/subscription.ts'

/** How a file is read: in which currency its prices are, unless a row says otherwise, and how many decimals a currency has. */
export interface ProductCsvOptions {
  /** ISO 4217 code of the prices of rows without a `Currency`. */
  readonly currency: string
  /** Decimals of a currency (USD 2, JPY 0, KWD 3); undefined when there is no such currency. */
  readonly exponent: (currency: string) => number | undefined
}

/** Something that was left out, and why. `line` is the physical line (from 1) of the bad row; `column` is named as in the file's header. */
export interface CsvRefusal {
  readonly line: number
  readonly handle?: string
  readonly refused: string
  readonly column?: string
}

/** A product, with the physical line (from 1) of its first row, or something that was left out. */
export type CsvProduct = { readonly line: number; readonly product: ProductInput } | CsvRefusal

/** A handle is part of addresses; longer ones are refused. Characters. */
export const MAX_HANDLE_LENGTH = 255

/** Rows beyond this many variants (and, separately, pictures) of one product are refused: it is what bounds memory. */
export const MAX_VARIANTS = 250

/** A quotation mark that is never closed swallows the rest of the file; reading stops when a row is longer than this. Characters. */
const MAX_ROW_LENGTH = 1_048_576

/** The parser is fed at most this much at once, so that rows of a file handed over as one string do not pile up. Bytes. */
const PIECE_LENGTH = 65_536

const MAX_SKU_LENGTH = 255

const COLUMNS = [
  'Handle',
  'Title',
  'Body (HTML)',
  'Vendor',
  'Product Category',
  'Type',
  'Tags',
  'Published',
  'Status',
  'Gift Card',
  'Option1 Name',
  'Option1 Value',
  'Option2 Name',
  'Option2 Value',
  'Option3 Name',
  'Option3 Value',
  'Variant SKU',
  'Variant Grams',
  'Variant Inventory Tracker',
  'Variant Inventory Qty',
  'Variant Inventory Policy',
  'Variant Price',
  'Variant Compare At Price',
  'Variant Requires Shipping',
  'Variant Taxable',
  'Variant Barcode',
  'Variant Image',
  'Variant Tax Code',
  'Image Src',
  'Image Position',
  'Image Alt Text',
  // Ours, all optional.
  'Kind',
  'Currency',
  'Amount Presets',
  'Amount Min',
  'Amount Max',
  'Plans',
  'Quantity Step',
  'Shipping Category',
] as const

type Column = (typeof COLUMNS)[number]

const OPTION_COLUMNS: readonly { readonly name: Column; readonly value: Column }[] = [
  { name: 'Option1 Name', value: 'Option1 Value' },
  { name: 'Option2 Name', value: 'Option2 Value' },
  { name: 'Option3 Name', value: 'Option3 Value' },
]

/** What makes a row a variant. The other variant columns do not: some exports repeat units and flags on picture rows. */
const VARIANT_MARKS: readonly Column[] = [
  'Option1 Value',
  'Option2 Value',
  'Option3 Value',
  'Variant SKU',
  'Variant Price',
  'Variant Barcode',
  'Variant Inventory Qty',
]

/** What the parser read: the fields of one row, and the physical line it begins on. */
interface CsvRecord {
  readonly line: number
  readonly fields: readonly string[]
}

/** A row under its header. `cell` answers trimmed text, empty when the row or the file lacks that column. */
interface Row {
  readonly line: number
  readonly cell: (column: Column) => string
  /** Set when no cell of this row can be trusted. */
  readonly fault?: string
}

interface Picture extends ProductImage {
  readonly position: number
}

/** A variant whose sku may still have to be derived: that needs the skus of all its siblings, which come first. */
interface DraftVariant {
  readonly line: number
  readonly values: readonly string[]
  readonly sku: string
  readonly rest: Omit<VariantInput, 'sku' | 'name' | 'options'>
}

/** A product of which rows may still follow. Without `facts` it is refused already, and its further rows are passed over. */
interface Draft {
  readonly line: number
  readonly handle: string
  facts?: Omit<ProductInput, 'images' | 'variants'>
  currency: string
  readonly optionNames: string[]
  readonly variants: DraftVariant[]
  readonly pictures: Picture[]
}

/** Thrown within this file only: why a row, or a product, cannot be taken. */
class Refused extends Error {
  readonly column: Column | undefined

  constructor(column: Column | undefined, reason: string) {
    super(reason)
    this.column = column
  }
}

/**
 * Reads a Shopify product export (UTF-8, commas) as a stream. What was left out comes out too, before the product it belongs to; a refusal
 * of a picture leaves its variant in. Columns are found by name, whatever their order and case; unknown ones are ignored.
 *
 * Where the format leaves room: an empty `Variant Inventory Tracker` means that stock is not counted (`untracked`), whatever quantity and
 * policy say, as in Shopify. A negative quantity (oversold elsewhere) is 0; an empty one leaves `onHand` out. `Status` draft or archived is
 * not published. `Gift Card` true means kind `digital`, unless `Kind` says otherwise. A recharge takes custom amounts when `Amount Min` or
 * `Amount Max` is given, and is not taxed unless `Variant Taxable` says so. `Variant Price` may be empty for recharge and subscription products only.
 *
 * @throws RangeError when the currency of the options is unknown; whatever `input` throws. Never because of what the file contains.
 */
export async function* readProductCsv(
  input: AsyncIterable<Buffer | string>,
  options: ProductCsvOptions,
): AsyncGenerator<CsvProduct, void, undefined> {
  if (options.exponent(options.currency) === undefined) throw new RangeError(`unknown currency ${options.currency}`)
  const seen = new Set<string>()
  let header: ReadonlyMap<string, number> | undefined
  let draft: Draft | undefined
  for await (const record of readRecords(input)) {
    if (header === undefined) {
      if ('fields' in record && isBlank(record)) continue
      header = 'fields' in record ? readHeader(record.fields) : undefined
      if (header === undefined) break
    } else if ('refused' in record) {
      yield record
    } else if (!isBlank(record)) {
      const row = underHeader(record, header)
      const handle = row.cell('Handle')
      if (handle !== draft?.handle) {
        const refusal = refuseHandle(row, handle, seen)
        if (refusal !== undefined) {
          yield refusal
          continue
        }
        if (draft !== undefined) yield* finish(draft)
        seen.add(handle)
        draft = { line: row.line, handle, currency: options.currency, optionNames: [], variants: [], pictures: [] }
      }
      yield* addRow(draft, row, options)
    }
  }
  if (header === undefined) {
    yield { line: 1, refused: 'there is no Handle column: expected a product CSV in UTF-8, separated by commas', column: 'Handle' }
  }
  if (draft !== undefined) yield* finish(draft)
}

// --- From bytes to rows

/** Runs the parser by hand, piece by piece: a stream would throw away rows it had already read when a later one is malformed. */
async function* readRecords(input: AsyncIterable<Buffer | string>): AsyncGenerator<CsvRecord | CsvRefusal, void, undefined> {
  const queue: (CsvRecord | CsvRefusal)[] = []
  const faults: { line: number; code: CsvErrorCode }[] = []
  let readTo = 0
  let failure: Error | null | undefined
  const settle = (nextLine: number | null) => {
    queue.push(...refuseFaults(faults.splice(0), readTo + 1, nextLine === null ? null : nextLine - 1))
  }
  const parser = parse({
    record_delimiter: '\n',
    relax_column_count: true,
    max_record_size: MAX_ROW_LENGTH,
    skip_records_with_error: true,
    on_record: (fields: string[], { lines }) => {
      const line = lines - fields.reduce((sum, field) => sum + countLineBreaks(field), 0)
      settle(line)
      readTo = lines
      queue.push({ line, fields })
      return null
    },
    on_skip: (error) => {
      if (error === undefined) return undefined
      const line = lineOf(error)
      if (faults.at(-1)?.line !== line) faults.push({ line, code: error.code })
      // The parser cannot find the end of such a row; throwing is how it is told to stop.
      if (error.code !== 'CSV_MAX_RECORD_SIZE') return undefined
      throw error
    },
  })
  // Failures are told by `write` and `end`; without a listener they would end the process as well.
  parser.on('error', () => {})
  for await (const bytes of unixLines(input)) {
    failure = await new Promise((resolve) => parser.write(bytes, resolve))
    yield* queue.splice(0)
    if (failure) break
  }
  if (!failure) failure = await new Promise((resolve) => parser.end(resolve))
  if (failure && faults.at(-1)?.code !== 'CSV_MAX_RECORD_SIZE') throw failure
  settle(null)
  yield* queue
}

/** UTF-8 without byte order mark, in pieces, with `\n` as the only line break: the parser then counts lines as editors do. */
async function* unixLines(input: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer, void, undefined> {
  const decoder = new TextDecoder()
  let held = ''
  let first = true
  for await (const chunk of input) {
    let text = held + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))
    if (text === '') continue
    if (first && text.startsWith('\uFEFF')) text = text.slice(1)
    first = false
    // Whether a closing \r is half of a line break, and a high surrogate half of a letter, is known only with the next chunk.
    held = /[\r\uD800-\uDBFF]$/.exec(text)?.[0] ?? ''
    const bytes = Buffer.from(text.slice(0, text.length - held.length).replace(/\r\n?/g, '\n'))
    for (let at = 0; at < bytes.length; at += PIECE_LENGTH) yield bytes.subarray(at, at + PIECE_LENGTH)
  }
  const rest = (held + decoder.decode()).replace(/\r\n?/g, '\n')
  if (rest !== '') yield Buffer.from(rest)
}

/** Refusals for lines that the parser passed over: `from` to `to`, or to the end of the file when `to` is null. */
function refuseFaults(faults: readonly { line: number; code: CsvErrorCode }[], from: number, to: number | null): CsvRefusal[] {
  return faults.map(({ line, code }, index) => {
    const lost = to === null ? `nothing from line ${from} on was read` : `lines ${from} to ${to} were not read`
    const isRest = index === faults.length - 1 && (to === null || to - from + 1 > faults.length)
    return { line: index === 0 ? from : line, refused: isRest ? `${quoteFault(code)}; ${lost}` : quoteFault(code) }
  })
}

function quoteFault(code: CsvErrorCode): string {
  switch (code) {
    case 'INVALID_OPENING_QUOTE':
      return 'malformed CSV: a quotation mark inside a field that does not begin with one'
    case 'CSV_INVALID_CLOSING_QUOTE':
      return 'malformed CSV: text after a closing quotation mark (one within text has to be doubled)'
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'malformed CSV: a quotation mark is never closed'
    case 'CSV_MAX_RECORD_SIZE':
      return `malformed CSV: a row of more than ${MAX_ROW_LENGTH} characters (is a quotation mark not closed?)`
    default:
      return `malformed CSV (${code})`
  }
}

function lineOf(error: CsvError): number {
  return typeof error.lines === 'number' ? error.lines : 1
}

function countLineBreaks(field: string): number {
  let count = 0
  for (let at = field.indexOf('\n'); at !== -1; at = field.indexOf('\n', at + 1)) count += 1
  return count
}

function isBlank(record: CsvRecord): boolean {
  return record.fields.every((field) => field.trim() === '')
}

/** Where each column is, by its name in lower case; undefined without `Handle`. Of two columns with one name the first counts. */
function readHeader(names: readonly string[]): ReadonlyMap<string, number> | undefined {
  const header = new Map<string, number>()
  for (const [index, name] of names.entries()) {
    const key = name.trim().toLowerCase()
    if (!header.has(key)) header.set(key, index)
  }
  // The width is kept under a name that no column can have after trimming.
  header.set(' width', names.length)
  return header.has('handle') ? header : undefined
}

function underHeader({ line, fields }: CsvRecord, header: ReadonlyMap<string, number>): Row {
  const cell = (column: Column) => fields[header.get(column.toLowerCase()) ?? -1]?.trim() ?? ''
  const width = header.get(' width') ?? fields.length
  if (fields.slice(width).some((field) => field.trim() !== '')) {
    return { line, cell, fault: `this row has ${fields.length} fields, the header has ${width}: is a comma not quoted?` }
  }
  // U+FFFD is what the decoder puts for bytes that are no UTF-8; a NUL cannot be stored as text.
  if (fields.some((field) => /[\uFFFD\0]/.test(field))) return { line, cell, fault: 'this row is not UTF-8 text: save the file as UTF-8' }
  return { line, cell }
}

// --- From rows to a product

/** Why no product can begin with this row, if so. A refused row is as if it were not there: it does not end the product before it. */
function refuseHandle(row: Row, handle: string, seen: ReadonlySet<string>): CsvRefusal | undefined {
  const { line } = row
  const column = 'Handle'
  if (row.fault !== undefined && handle === '') return { line, refused: row.fault }
  if (handle === '') return { line, refused: 'the row names no product', column }
  if (handle.length > MAX_HANDLE_LENGTH) return { line, refused: `a handle has at most ${MAX_HANDLE_LENGTH} characters`, column }
  if (/[\s/?#%\\\p{C}]/u.test(handle)) {
    return { line, handle, refused: 'a handle is part of addresses: no spaces, control characters, or any of / ? # % \\', column }
  }
  if (!seen.has(handle)) return undefined
  return { line, handle, refused: `the rows of ${handle} have to follow each other; other products stand in between`, column }
}

/** Takes one more row of a product; answers what of it was left out. */
function* addRow(draft: Draft, row: Row, options: ProductCsvOptions): Generator<CsvRefusal, void, undefined> {
  const isFirst = row.line === draft.line
  if (!isFirst && draft.facts === undefined) return
  try {
    if (row.fault !== undefined) throw new Refused(undefined, row.fault)
    if (isFirst) {
      draft.currency = readCurrency(row, options.currency, options)
      draft.facts = readFacts(draft.handle, row, draft.currency, options)
    }
  } catch (error) {
    yield refusalOf(error, draft, row)
    return
  }
  try {
    addPicture(draft, row)
  } catch (error) {
    yield refusalOf(error, draft, row)
  }
  const isVariant = VARIANT_MARKS.some((column) => row.cell(column) !== '')
  if (!isFirst && !isVariant && row.cell('Image Src') !== '') return
  try {
    if (!isFirst && !isVariant) throw new Refused(undefined, 'the row has neither a variant nor a picture')
    draft.variants.push(readVariant(draft, row, options))
  } catch (error) {
    yield refusalOf(error, draft, row)
  }
}

/** Ends a product: the product itself, or its refusal when no variant is left. Nothing when it was refused before. */
function* finish(draft: Draft): Generator<CsvProduct, void, undefined> {
  const { line, handle, facts } = draft
  if (facts === undefined) return
  if (draft.variants.length === 0) {
    yield { line, handle, refused: 'no variant of this product can be taken' }
    return
  }
  const images = draft.pictures
    .toSorted((a, b) => a.position - b.position)
    .map(({ src, alt }): ProductImage => ({ src, ...(alt === undefined ? {} : { alt }) }))
  yield { line, product: { ...facts, images, variants: nameVariants(draft) } }
}

function refusalOf(error: unknown, draft: Draft, row: Row): CsvRefusal {
  if (!(error instanceof Refused)) throw error
  const { column, message } = error
  return { line: row.line, handle: draft.handle, refused: message, ...(column === undefined ? {} : { column }) }
}

/** What the first row says about the product as a whole. Throws Refused: without these there is no product. */
function readFacts(handle: string, row: Row, currency: string, options: ProductCsvOptions): Omit<ProductInput, 'images' | 'variants'> {
  const name = row.cell('Title')
  if (name === '') throw new Refused('Title', 'the first row of a product has to carry its title')
  const vendor = row.cell('Vendor')
  const productType = row.cell('Type')
  const category = row.cell('Product Category')
  if (category.length > 255) throw new Refused('Product Category', 'a category has at most 255 characters')
  const shippingCategory = row.cell('Shipping Category')
  if (shippingCategory.length > 60) throw new Refused('Shipping Category', 'a shipping category has at most 60 characters')
  const kind = readKind(row)
  const recharge = readRecharge(row, kind, currency, options)
  const plans = readPlans(row, kind, currency, options)
  const status = row.cell('Status').toLowerCase()
  if (!['', 'active', 'draft', 'archived'].includes(status)) throw new Refused('Status', 'expected active, draft or archived')
  return {
    handle,
    name,
    description: plainText(row.cell('Body (HTML)')),
    ...(vendor === '' ? {} : { vendor }),
    ...(productType === '' ? {} : { productType }),
    tags: [
      ...new Set(
        row
          .cell('Tags')
          .split(',')
          .map((tag) => tag.trim()),
      ),
    ].filter((tag) => tag !== ''),
    ...(category === '' ? {} : { categories: [category] }),
    kind,
    published: readFlag(row, 'Published', true) && (status === '' || status === 'active'),
    taxCategory: row.cell('Variant Tax Code') || 'standard',
    ...(shippingCategory === '' ? {} : { shippingCategory }),
    ...(recharge === undefined ? {} : { recharge }),
    ...(plans === undefined ? {} : { plans }),
  }
}

function readKind(row: Row): ProductKind {
  const isGiftCard = readFlag(row, 'Gift Card', false)
  const text = row.cell('Kind').toLowerCase()
  if (text === '') return isGiftCard ? 'digital' : 'goods'
  const kind = PRODUCT_KINDS.find((known) => known === text)
  if (kind === undefined) throw new Refused('Kind', `expected one of ${PRODUCT_KINDS.join(', ')}`)
  return kind
}

/** `Amount Presets` is `10;25;50`. For other kinds an amount column is refused: ignoring it would sell the product at a wrong price. */
function readRecharge(row: Row, kind: ProductKind, currency: string, options: ProductCsvOptions): RechargeRule | undefined {
  const given = (['Amount Presets', 'Amount Min', 'Amount Max'] as const).find((column) => row.cell(column) !== '')
  if (kind !== 'recharge') {
    if (given !== undefined) throw new Refused(given, 'only a product of kind recharge has amounts')
    return undefined
  }
  if (given === undefined) throw new Refused('Amount Presets', 'a recharge needs presets, or a lowest or highest amount')
  const positive = (column: Column, text: string) => {
    const amount = readMoney(column, text, currency, options)
    if (amount === 0) throw new Refused(column, 'an amount has to be more than zero')
    return amount
  }
  const presets = splitList(row.cell('Amount Presets')).map((text) => positive('Amount Presets', text))
  if (new Set(presets).size !== presets.length) throw new Refused('Amount Presets', 'an amount comes twice')
  const min = row.cell('Amount Min') === '' ? undefined : positive('Amount Min', row.cell('Amount Min'))
  const max = row.cell('Amount Max') === '' ? undefined : positive('Amount Max', row.cell('Amount Max'))
  if (min !== undefined && max !== undefined && min > max) throw new Refused('Amount Max', 'the highest amount is below the lowest')
  const allowCustom = min !== undefined || max !== undefined
  if (presets.length === 0 && !allowCustom) throw new Refused('Amount Presets', 'a recharge needs presets, or a lowest or highest amount')
  return { currency, presets, allowCustom, ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }
}

/**
 * `Plans` is `monthly|Monthly|P1M|9.90;yearly|Yearly|P1Y|99.00`: id, name, ISO 8601 duration, price. What else there is to say follows:
 * `exclusive` (or `exclusive=group`) and `periods=12`.
 */
function readPlans(row: Row, kind: ProductKind, currency: string, options: ProductCsvOptions): readonly Plan[] | undefined {
  const entries = splitList(row.cell('Plans'))
  if (kind !== 'subscription') {
    if (entries.length > 0) throw new Refused('Plans', 'only a product of kind subscription has plans')
    return undefined
  }
  if (entries.length === 0) throw new Refused('Plans', 'a subscription needs at least one plan')
  const ids = new Set<string>()
  return entries.map((entry) => {
    const [id = '', name = '', interval = '', price = '', ...more] = entry.split('|').map((part) => part.trim())
    if (id === '' || name === '') throw new Refused('Plans', `expected id|name|interval|price, not ${entry}`)
    if (ids.has(id)) throw new Refused('Plans', `plan ${id} comes twice`)
    ids.add(id)
    if (intervalOf(interval) === null)
      throw new Refused('Plans', `${interval || 'nothing'} is not an ISO 8601 duration of one unit of days or longer, such as P1M or P2W`)
    return { id, name, interval, price: { currency, amount: readMoney('Plans', price, currency, options) }, ...readTerms(more, entry) }
  })
}

function readTerms(terms: readonly string[], entry: string): Pick<Plan, 'exclusive' | 'maxPeriods'> {
  const read: { exclusive?: string | boolean; maxPeriods?: number } = {}
  for (const term of terms) {
    const [, group, periods] = /^(?:exclusive(?:=([A-Za-z0-9_:.@-]{1,200}))?|periods=([1-9]\d{0,3}))$/.exec(term) ?? []
    if (periods !== undefined) read.maxPeriods = Number(periods)
    else if (group !== undefined || term === 'exclusive') read.exclusive = group ?? true
    else throw new Refused('Plans', `expected id|name|interval|price, then exclusive, exclusive=group or periods=12, not ${entry}`)
  }
  return read
}

/** Keeps the row's picture, if it has one. Throws Refused; the variant of the row is not affected. */
function addPicture(draft: Draft, row: Row): void {
  const src = row.cell('Image Src')
  if (src === '' || draft.pictures.some((picture) => picture.src === src)) return
  checkAddress('Image Src', src)
  if (draft.pictures.length === MAX_VARIANTS) throw new Refused('Image Src', `a product has at most ${MAX_VARIANTS} pictures`)
  const alt = row.cell('Image Alt Text')
  // A picture without a usable position keeps its place in the file, behind those that have one.
  const position = /^\d{1,9}$/.test(row.cell('Image Position')) ? Number(row.cell('Image Position')) : Number.MAX_SAFE_INTEGER
  draft.pictures.push({ src, position, ...(alt === '' ? {} : { alt }) })
}

/** The variant of a row. Throws Refused when any of its cells is unusable. */
function readVariant(draft: Draft, row: Row, options: ProductCsvOptions): DraftVariant {
  if (draft.variants.length === MAX_VARIANTS) throw new Refused(undefined, `a product has at most ${MAX_VARIANTS} variants`)
  const kind = draft.facts?.kind ?? 'goods'
  const values = readOptionValues(draft, row)
  const twin = draft.variants.find((variant) => variant.values.join('\0') === values.join('\0'))
  if (twin !== undefined) throw new Refused('Option1 Value', `line ${twin.line} has the same options`)
  const sku = row.cell('Variant SKU')
  if (sku.length > MAX_SKU_LENGTH) throw new Refused('Variant SKU', `a sku has at most ${MAX_SKU_LENGTH} characters`)
  if (/\p{C}/u.test(sku)) throw new Refused('Variant SKU', 'a sku has no line breaks or other control characters')
  if (sku !== '' && draft.variants.some((variant) => variant.sku === sku)) {
    throw new Refused('Variant SKU', `sku ${sku} comes twice in this product`)
  }
  const taxCode = row.cell('Variant Tax Code')
  if (taxCode !== '' && taxCode !== draft.facts?.taxCategory) {
    throw new Refused('Variant Tax Code', `a product has one tax category; this one has ${draft.facts?.taxCategory}`)
  }
  const price = readPrice(row, kind, draft.currency, options)
  const barcode = row.cell('Variant Barcode')
  const image = row.cell('Variant Image')
  if (image !== '') checkAddress('Variant Image', image)
  const step = row.cell('Quantity Step')
  if (!/^$|^0*[1-9]\d{0,8}$/.test(step)) throw new Refused('Quantity Step', 'expected a whole number from 1')
  const rest = {
    prices: price === undefined ? [] : [price],
    ...readStock(row),
    requiresShipping: readFlag(row, 'Variant Requires Shipping', !UNSHIPPED_KINDS.includes(kind)),
    taxable: readFlag(row, 'Variant Taxable', !UNTAXED_KINDS.includes(kind)),
    grams: readGrams(row),
    ...(barcode === '' ? {} : { barcode }),
    ...(image === '' ? {} : { image }),
    ...(step === '' ? {} : { quantityStep: Number(step) }),
  }
  return { line: row.line, values, sku, rest }
}

/** One value per option of the product; none for `Title` / `Default Title`. Names stand on the first row; later rows may repeat them. */
function readOptionValues(draft: Draft, row: Row): readonly string[] {
  if (row.line === draft.line) {
    for (const columns of OPTION_COLUMNS) {
      const name = row.cell(columns.name)
      if (name !== '' && draft.optionNames.includes(name)) throw new Refused(columns.name, `option ${name} comes twice`)
      if (name !== '') draft.optionNames.push(name)
    }
  }
  if (draft.optionNames.length <= 1 && row.cell('Option1 Value') === 'Default Title') {
    draft.optionNames.length = 0
    return []
  }
  return OPTION_COLUMNS.flatMap((columns, index) => {
    const name = draft.optionNames[index]
    const value = row.cell(columns.value)
    if (name === undefined && value !== '') throw new Refused(columns.name, `${value} is the value of an option without a name`)
    if (name === undefined) return []
    if (value === '') throw new Refused(columns.value, `the variant has no ${name}`)
    if (row.cell(columns.name) !== '' && row.cell(columns.name) !== name) {
      throw new Refused(columns.name, `the first row of this product calls this option ${name}`)
    }
    return [value]
  })
}

function readCurrency(row: Row, fallback: string, options: ProductCsvOptions): string {
  const currency = row.cell('Currency').toUpperCase() || fallback
  if (options.exponent(currency) === undefined) throw new Refused('Currency', `${currency} is not a currency known here`)
  return currency
}

function readPrice(row: Row, kind: ProductKind, fallback: string, options: ProductCsvOptions): Price | undefined {
  const currency = readCurrency(row, fallback, options)
  const text = row.cell('Variant Price')
  if (text === '') {
    if (kind === 'recharge' || kind === 'subscription') return undefined
    throw new Refused('Variant Price', 'the variant has no price; one that costs nothing has price 0')
  }
  const amount = readMoney('Variant Price', text, currency, options)
  const listText = row.cell('Variant Compare At Price')
  const listAmount = listText === '' ? amount : readMoney('Variant Compare At Price', listText, currency, options)
  return { currency, amount, ...(listAmount > amount ? { listAmount } : {}) }
}

/** A decimal such as `19.90` in minor units (1990). Exact: digits are moved, not multiplied. Throws Refused. */
function readMoney(column: Column, text: string, currency: string, options: ProductCsvOptions): number {
  const [, whole, fraction = ''] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  if (whole === undefined) throw new Refused(column, `expected an amount such as 19.90, not ${text || 'nothing'}`)
  const decimals = options.exponent(currency) ?? 0
  if (fraction.length > decimals) {
    throw new Refused(column, `${text} has ${fraction.length} decimals, ${currency} has ${decimals}`)
  }
  const amount = Number(whole + fraction.padEnd(decimals, '0'))
  if (!Number.isSafeInteger(amount)) throw new Refused(column, `${text} is too large`)
  return amount
}

function readStock(row: Row): { stockPolicy: StockPolicy; onHand?: number } {
  if (row.cell('Variant Inventory Tracker') === '') return { stockPolicy: 'untracked' }
  const policy = row.cell('Variant Inventory Policy').toLowerCase() || 'deny'
  if (policy !== 'deny' && policy !== 'continue') throw new Refused('Variant Inventory Policy', 'expected deny or continue')
  const quantity = row.cell('Variant Inventory Qty')
  if (quantity === '') return { stockPolicy: policy }
  if (!/^-?\d{1,9}$/.test(quantity)) throw new Refused('Variant Inventory Qty', `expected a whole number, not ${quantity}`)
  return { stockPolicy: policy, onHand: quantity.startsWith('-') ? 0 : Number(quantity) }
}

/** Whole grams: exports that weigh in pounds have fractions. */
function readGrams(row: Row): number {
  const text = row.cell('Variant Grams')
  if (!/^$|^\d{1,9}(?:\.\d+)?$/.test(text)) throw new Refused('Variant Grams', `expected a weight in grams, not ${text}`)
  return Math.round(Number(text))
}

function readFlag(row: Row, column: Column, fallback: boolean): boolean {
  const text = row.cell(column).toLowerCase()
  if (text === '') return fallback
  if (text !== 'true' && text !== 'false') throw new Refused(column, `expected true or false, not ${text}`)
  return text === 'true'
}

function checkAddress(column: Column, text: string): void {
  if (!/^(?:https?:\/)?\/[^\s\p{C}]+$/iu.test(text)) {
    throw new Refused(column, 'a picture is an address that begins with https://, http:// or /')
  }
}

function splitList(text: string): string[] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

// --- Names

/** Gives every variant its name, options and sku. Skus of the file come first, so that a derived one never takes theirs. */
function nameVariants(draft: Draft): VariantInput[] {
  const taken = new Set(draft.variants.map((variant) => variant.sku))
  return draft.variants.map(({ values, sku, rest }) => ({
    sku: sku || deriveSku([draft.handle, ...values], taken),
    name: values.join(' / '),
    options: Object.fromEntries(values.map((value, index) => [draft.optionNames[index] ?? '', value])),
    ...rest,
  }))
}

function deriveSku(parts: readonly string[], taken: Set<string>): string {
  const base = parts
    .map(slug)
    .filter((part) => part !== '')
    .join('-')
    .slice(0, MAX_SKU_LENGTH - 5)
  let sku = base
  for (let count = 2; taken.has(sku); count += 1) sku = `${base}-${count}`
  taken.add(sku)
  return sku
}

const FOLDED: Readonly<Record<string, string>> = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i' }

/** ASCII letters, digits and hyphens. Letters of other scripts become their code point, so that they still tell variants apart. */
function slug(text: string): string {
  return text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\0-\x7F]/gu, (letter) => FOLDED[letter] ?? (/[\p{L}\p{N}]/u.test(letter) ? `u${letter.codePointAt(0)?.toString(16)}` : '-'))
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", apos: "'", nbsp: ' ' }

/** The text of an HTML body. It is text, not safe HTML: whoever shows it has to escape it like any other text. */
function plainText(html: string): string {
  return stripTags(html)
    .replace(/&(amp|lt|gt|quot|#39|apos|nbsp);/g, (entity, name: string) => ENTITIES[name] ?? entity)
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

/** One pass, no pattern that could backtrack over a hostile body. What scripts and styles contain is no text and goes with them. */
function stripTags(html: string): string {
  const lower = html.toLowerCase()
  const text: string[] = []
  let at = 0
  for (let open = html.indexOf('<'); open !== -1; open = html.indexOf('<', at)) {
    text.push(html.slice(at, open))
    if (!/[a-z/!?]/.test(lower[open + 1] ?? '')) {
      // A lone `<`, as in `size < 3`.
      text.push('<')
      at = open + 1
      continue
    }
    const isComment = html.startsWith('<!--', open)
    const end = isComment ? html.indexOf('-->', open + 4) : html.indexOf('>', open)
    // What is never closed goes up to the end, as in browsers.
    if (end === -1) return text.join('')
    const name = isComment ? '' : (/^<(\/?[a-z0-9]+)/.exec(lower.slice(open, open + 16))?.[1] ?? '')
    at = isComment ? end + 3 : end + 1
    if (name === 'script' || name === 'style') {
      const close = lower.indexOf(`</${name}`, at)
      at = close === -1 ? html.length : close
    }
    if (/^\/?(?:br|p|div|ul|ol|li|table|tr|h[1-6])$/.test(name)) text.push('\n')
  }
  return text.join('') + html.slice(at)
}
