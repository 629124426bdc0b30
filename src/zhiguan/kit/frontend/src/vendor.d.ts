// Bootstrap's parts are taken one by one from Tabler's sources (alias in vite.config.ts); only their side effects are used.
declare module '#bootstrap/*' {
  const part: unknown
  export default part
}
