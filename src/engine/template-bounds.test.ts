// Templates of shops cannot stop the node that fills them in.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { templateRefusal as emailRefusal } from './email-rendering.ts'
import { templateRefusal as referenceRefusal } from './reference.ts'

describe('templates of shops', () => {
  it('cannot evaluate an expression for each element of a list: nested, no bound on time would end that', () => {
    const filters = ['where_exp', 'reject_exp', 'group_by_exp', 'find_exp', 'find_index_exp', 'has_exp']
    for (const filter of filters) {
      const text = `{% assign all = (1..4000) %}{{ all | ${filter}: "x", "all | ${filter}: 'y', 'y == x'" | size }}`
      assert.equal(emailRefusal({ subject: 'S', html: text, text: 'T' })?.path, '/html', filter)
      assert.equal(emailRefusal({ subject: 'S', html: 'H', text })?.path, '/text', filter)
      assert.equal(referenceRefusal(text, '/orders/referenceTemplate')?.reason, 'not_a_template_of_a_reference', filter)
    }
  })
})
