// The floor of HTTP: Fastify with nothing behind it. It reads a JSON body and answers as many bytes of JSON as a cart of five lines has.
//   node bench/floor-server.ts <port>
import Fastify from 'fastify'

const ANSWER = JSON.stringify({ cart: { id: 'cart_floor', lines: 'x'.repeat(4500) } })

const app = Fastify({ forceCloseConnections: true })
app.get('/healthz', async () => ({ ok: true }))
app.get('/', (_request, reply) => {
  reply.header('content-type', 'application/json; charset=utf-8').send(ANSWER)
})
app.post('/', (_request, reply) => {
  reply.header('content-type', 'application/json; charset=utf-8').send(ANSWER)
})
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' })
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)))
