// What a page costs over the wire (brotli, as the server precompresses): `npm run sizes`. Fails when a page without maps is over 300 kB.
import { readdirSync, readFileSync } from 'node:fs'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = new URL('../static/kit/dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))
const brotli = (file) => brotliCompressSync(readFileSync(new URL(file, dist)), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length
const files = (key, seen = new Set()) => {
  const chunk = manifest[key]
  seen.add(chunk.file)
  for (const css of chunk.css ?? []) seen.add(css)
  for (const inner of chunk.imports ?? []) files(inner, seen)
  return seen
}
const kilo = (bytes) => `${(bytes / 1000).toFixed(1)} kB`
const base = new Set(['src/head.ts', 'src/app.ts', 'src/icons.svg', 'src/favicon.svg'].flatMap((key) => [...files(key)]))
const weigh = (set) => [...set].reduce((sum, file) => sum + brotli(file), 0)
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
  report(`with ${name}`, set, name.startsWith('map-') ? undefined : 300_000)
}
console.log(`gzip of app.css           ${kilo(gzipSync(readFileSync(new URL(manifest['src/app.ts'].css[0], dist))).length)}`)
process.exit(failed ? 1 : 0)
