// `cartwright doctor payments`, in words: whether the books balance, and what does not.
import { formatDecimal } from '../core/currency.ts'
import type { Check, Turnover } from '../store/books.ts'

/** The report for people. */
export function booksText(checks: readonly Check[], sold: readonly Turnover[]): string {
  const lines = sold.map(
    ({ shopId, currency, orders, total, captured, refunded }) =>
      `${shopId}: ${orders} orders of ${formatDecimal(total, currency)} ${currency}, captured ${formatDecimal(captured, currency)}, refunded ${formatDecimal(refunded, currency)}`,
  )
  const broken = checks.filter(({ findings }) => findings.length > 0)
  for (const { name, says, severity, findings, more } of broken) {
    lines.push('', `${severity === 'error' ? 'WRONG' : 'LOOK'}  ${name}: ${says}`)
    for (const { shopId, id, detail } of findings) lines.push(`  ${shopId}  ${id}  ${detail}`)
    if (more) lines.push(`  … and more: only ${findings.length} are listed`)
  }
  const errors = broken.filter(({ severity }) => severity === 'error').length
  lines.push(
    '',
    errors === 0 ? `The books balance: ${checks.length} checks.` : `${errors} of ${checks.length} checks failed. Nothing was changed.`,
  )
  return lines.join('\n')
}
