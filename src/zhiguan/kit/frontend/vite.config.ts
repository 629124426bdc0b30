import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const outDir = here('../static/kit/dist')

type Node = [tag: string, attributes: Record<string, string>]

/** One SVG sprite of the icons named in icons.json, hashed like every other file and listed in the manifest. */
function sprite(): Plugin {
  return {
    name: 'zhiguan-sprite',
    apply: 'build',
    enforce: 'post',
    writeBundle() {
      const names = JSON.parse(readFileSync(here('icons.json'), 'utf8')) as string[]
      const nodes = JSON.parse(readFileSync(here('node_modules/@tabler/icons/tabler-nodes-outline.json'), 'utf8')) as Record<string, Node[]>
      const symbols = names.map((name) => {
        const parts = nodes[name]
        if (!parts) throw new Error(`icons.json names "${name}", which the icon package does not have`)
        const body = parts
          .map(([tag, attributes]) => `<${tag} ${Object.entries(attributes).map(([key, value]) => `${key}="${value}"`).join(' ')}/>`)
          .join('')
        return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`
      })
      const files: Record<string, string> = {
        'icons.svg': `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>\n`,
        'favicon.svg': readFileSync(here('src/favicon.svg'), 'utf8'),
      }
      const path = `${outDir}/.vite/manifest.json`
      const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
      mkdirSync(`${outDir}/assets`, { recursive: true })
      for (const [name, text] of Object.entries(files)) {
        const hash = createHash('sha256').update(text).digest('hex').slice(0, 10)
        const file = `assets/${name.replace('.svg', '')}-${hash}.svg`
        writeFileSync(`${outDir}/${file}`, text)
        manifest[`src/${name}`] = { file, ...(name === 'icons.svg' ? { names } : {}) }
      }
      writeFileSync(path, JSON.stringify(manifest, null, 1))
    },
  }
}

export default defineConfig({
  // Relative addresses: the built files work under any STATIC_URL.
  base: './',
  publicDir: false,
  plugins: [sprite()],
  resolve: { alias: { '#bootstrap': here('node_modules/@tabler/core/js/src/bootstrap') } },
  build: {
    outDir,
    emptyOutDir: true,
    manifest: true,
    target: ['chrome109', 'firefox115', 'safari16.4'],
    // The module preload polyfill would add code to head.ts, which must stay a plain script.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1100,
    rolldownOptions: {
      input: { head: here('src/head.ts'), app: here('src/app.ts') },
    },
  },
})
