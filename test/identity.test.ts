// Accounts prove themselves with a JWT of an issuer that the shop trusts: by a key set on the network (JWKS) or a shared secret. Algorithms,
// issuer and audience are the shop's choice, never the token's.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, it } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { ADMIN, caller, freshDatabase, startTestServer } from './harness.ts'

describe('accounts by JWKS', async () => {
  const server = await startTestServer(await freshDatabase('sqlite'))
  const shop = `${server.url}/v1/shops/demo`
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const stranger = await generateKeyPair('ES256')
  const keySet = createServer((_request, response) => {
    exportJWK(publicKey).then((jwk) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [{ ...jwk, kid: 'k1', alg: 'ES256' }] })),
    )
  })
  await new Promise<void>((resolve) => keySet.listen(0, '127.0.0.1', resolve))
  after(() => keySet.close())
  const jwksUrl = `http://127.0.0.1:${(keySet.address() as AddressInfo).port}/jwks.json`
  const issuer = { name: 'idp', iss: 'https://id.shop.example', aud: 'shop', algorithms: ['ES256'], jwksUrl, emailClaim: 'mail' }
  const patched = await caller(shop, ADMIN)('PATCH', '/settings', { access: { issuers: [issuer] } })
  assert.equal(patched.status, 200, JSON.stringify(patched.body))

  const token = (
    changes: { iss?: string; aud?: string; exp?: number | null; sub?: string; key?: typeof privateKey; alg?: string } = {},
  ) => {
    const jwt = new SignJWT({ mail: 'robin@example.com' })
      .setProtectedHeader({ alg: changes.alg ?? 'ES256', kid: 'k1' })
      .setIssuer(changes.iss ?? issuer.iss)
      .setAudience(changes.aud ?? 'shop')
      .setSubject(changes.sub ?? 'robin')
    if (changes.exp !== null) jwt.setExpirationTime(changes.exp ?? Math.floor(Date.now() / 1000) + 600)
    return jwt.sign(changes.key ?? privateKey)
  }

  it('a token of the trusted key set is an account named <issuer>:<sub>, with a cart on every device', async () => {
    const phone = await caller(shop, await token())('POST', '/carts/current/lines', { sku: 'MUG-STONE' })
    assert.equal(phone.status, 201)
    assert.equal(phone.body.token, undefined, 'accounts need no cart token')
    assert.deepEqual(phone.body.cart.owner, { kind: 'account', accountId: 'idp:robin' })
    const laptop = await caller(shop, await token())('GET', '/carts/current')
    assert.equal(laptop.body.id, phone.body.cart.id)
  })

  it('another key, issuer, audience or algorithm, no expiry, and a time that is over are all the same 401', async () => {
    const secret = new TextEncoder().encode('x'.repeat(40))
    const confused = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .setIssuer(issuer.iss)
      .setAudience('shop')
      .setSubject('robin')
      .setExpirationTime('1h')
      .sign(secret)
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ iss: issuer.iss, aud: 'shop', sub: 'robin', exp: 4e9 })).toString('base64url')}.`
    const wrong = [
      await token({ key: stranger.privateKey }),
      await token({ iss: 'https://evil.example' }),
      await token({ aud: 'other' }),
      await token({ exp: 1 }),
      await token({ exp: null }),
      confused,
      unsigned,
    ]
    for (const each of wrong) {
      const { status, body } = await caller(shop, each)('GET', '/carts/current')
      assert.deepEqual([status, body.code], [401, 'invalid_token'])
    }
  })

  it("an account's token opens nothing in a shop that does not trust its issuer", async () => {
    assert.equal((await caller(`${server.url}/v1/shops/fill`, await token())('GET', '/carts/current')).status, 401)
  })
})
