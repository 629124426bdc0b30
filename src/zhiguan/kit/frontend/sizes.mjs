// What a page costs over plain HTTP (gzip; brotli needs HTTPS): `npm run sizes`. Fails when a page without maps is over 300 kB.
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const dist = new URL('../static/kit/dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))
const compressed = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length
const files = (key, seen = new Set()) => {
  const chunk = manifest[key]
  seen.add(chunk.file)
  for (const css of chunk.css ?? []) seen.add(css)
  for (const inner of chunk.imports ?? []) files(inner, seen)
  return seen
}
const kilo = (bytes) => `${(bytes / 1000).toFixed(1)} kB`
const base = new Set(['src/head.ts', 'src/app.ts', 'src/icons.svg', 'src/favicon.svg'].flatMap((key) => [...files(key)]))
const weigh = (set) => [...set].reduce((sum, file) => sum + compressed(file), 0)
let failed = false
const report = (name, set, limit) => {
  const bytes = weigh(set)
  console.log(`${name.padEnd(24)} ${kilo(bytes).padStart(10)}`)
  if (limit && bytes > limit) {
    console.error(`${name} is over ${kilo(limit)}`)
    failed = true
  }
}
report('every page', base, 300_000)
for (const name of readdirSync(new URL('src/islands/', import.meta.url)).map((file) => file.replace('.ts', ''))) {
  const set = new Set([...base, ...files(`src/islands/${name}.ts`)])
  if (name === 'cockpit') set.add(...[Object.values(manifest).find((chunk) => chunk.name === 'charts')?.file].filter(Boolean))
  const worker = readdirSync(new URL('assets/', dist)).find((file) => file.startsWith('maplibre-gl-worker'))
  if (name.startsWith('map-') && worker) set.add(`assets/${worker}`)
  report(`with ${name}`, set, /^(map|fence)-/.test(name) ? undefined : 300_000)
}
process.exit(failed ? 1 : 0)
