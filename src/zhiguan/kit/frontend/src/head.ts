// Runs before the first paint (a blocking script in <head>), so that neither the colours nor the menu jump.
;(() => {
  const root = document.documentElement
  const read = (key: string): string | null => {
    try {
      return localStorage.getItem(key)
    } catch {
      return null
    }
  }
  const choice = read('zg.theme') ?? root.dataset.themeChoice ?? 'auto'
  const paper = root.classList.contains('zg-print-root')
  const dark = !paper && (choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches))
  root.dataset.bsTheme = dark ? 'dark' : 'light'
  root.dataset.themeChoice = choice
  if (read('zg.nav.folded') === '1') root.dataset.nav = 'folded'
})()
