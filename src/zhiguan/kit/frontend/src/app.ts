/** Every page loads this: look, frame, forms, tables, htmx. Maps and charts are islands and come only where a page has them. */
import './styles/app.css'
import '#bootstrap/alert'
import '#bootstrap/collapse'
import '#bootstrap/dropdown'
import '#bootstrap/modal'
import '#bootstrap/offcanvas'
import '#bootstrap/tab'
import { initConfirm } from './modules/confirm'
import { initFactors } from './modules/factors'
import { initForms } from './modules/forms'
import { initHtmx } from './modules/htmx'
import { initIslands } from './modules/islands'
import { initKeys } from './modules/keys'
import { initNav } from './modules/nav'
import { initRows } from './modules/rows'
import { initSuggest } from './modules/suggest'
import { initTheme } from './modules/theme'
import { initToasts } from './modules/toast'
import { initUpload } from './modules/upload'

initTheme()
initNav()
initToasts()
initHtmx()
// The order of these three is the order in which they see a submit: ask, then refuse a second one, then send.
initConfirm()
initForms()
initUpload()
initRows()
initSuggest()
initKeys()
initFactors()
initIslands()
