/** Passkeys: the sign-in library only writes to the console what went wrong; people need to read it on the page. */
import { toast } from './toast'

const words: Record<string, string> = {
  NotAllowedError: '没有完成验证：您取消了操作，或等待时间过长。',
  InvalidStateError: '这个设备或密钥已经添加过。',
  SecurityError: '当前网址不能使用通行密钥，请改用域名和加密连接（https）访问本系统。',
  NotSupportedError: '这个浏览器或设备不支持通行密钥。',
  ConstraintError: '这个设备没有设置指纹、面容或开机口令，不能直接用于登录。',
}

export function initFactors(): void {
  document.addEventListener('allauth.error', (event) => {
    event.preventDefault()
    const { exception } = (event as CustomEvent<{ exception?: unknown }>).detail ?? {}
    const name = exception instanceof Error ? exception.name : ''
    const missing = typeof window.PublicKeyCredential === 'undefined'
    toast(words[missing ? (window.isSecureContext ? 'NotSupportedError' : 'SecurityError') : name] ?? '没有完成验证，请重试。', 'danger')
  })
}
