/** The pages made from the OpenAPI document, in a real browser: they work under a policy that trusts them little. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTab } from '../support/browser.ts'
import { Service } from '../support/service.ts'

test('/docs has the page’s headers, and every file of it', async (t) => {
  const service = await Service.start(t)
  for (const path of ['/docs', '/docs/', '/docs/static/swagger-ui-bundle.js', '/docs/json']) {
    const { status, headers } = await fetch(service.url + path)
    assert.equal(status, 200)
    const policy = headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /script-src 'self';/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /https?:|\*|unsafe-eval/)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('referrer-policy'), 'no-referrer')
  }
})

test('/docs shows routes and schemas, and asks the service', async (t) => {
  const service = await Service.start(t)
  const page = await openTab(t, service, '/docs')
  const livez = page.locator('.opblock', { hasText: '/livez' })
  await livez.getByRole('button').first().click()
  await livez.getByRole('button', { name: 'Try it out' }).click()
  await livez.getByRole('button', { name: 'Execute' }).click()
  await livez.locator('.live-responses-table').getByText('"ok"').first().waitFor()
  const stream = page.locator('.opblock', { hasText: '/v1/stream' })
  await stream.getByRole('button').first().click()
  await stream.getByText('Server-sent events.').waitFor()
  await stream.getByText('data: [DONE]', { exact: false }).last().waitFor()
  await stream.getByText('only once the stream has ended').waitFor()
  await page.locator('.models').getByText('TokenFrame', { exact: true }).first().click()
})

test('/docs is named after the service, and leads to the page and back', async (t) => {
  const service = await Service.start(t)
  for (const path of ['/docs', '/docs/']) {
    const page = await openTab(t, service, path)
    assert.equal(await page.title(), 'The API of Tributary')
    const icon = page.locator('link[rel="icon"]')
    const file = await fetch(new URL((await icon.getAttribute('href')) ?? '', page.url()))
    assert.equal(await file.text(), await (await fetch(`${service.url}/page.svg`)).text())
    await page.getByRole('link', { name: /^← Tributary/ }).click()
    await page.locator('#flow li').first().waitFor()
    assert.equal(page.url(), `${service.url}/`)
    await page.getByRole('link', { name: 'API', exact: true }).click()
    await page.locator('.opblock').first().waitFor()
    assert.equal(page.url(), `${service.url}/docs`)
  }
})
