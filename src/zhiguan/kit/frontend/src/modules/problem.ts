/** Problem documents (application/problem+json) from pages and API, shown to the user as they are. */
import { toast } from './toast'

export interface Problem {
  title?: string
  detail?: string
  code?: string
  status?: number
  instance?: string
  errors?: { field?: string; path?: string; label?: string; message?: string; detail?: string }[]
}

const byStatus: Record<number, [title: string, detail: string]> = {
  400: ['请求有误', '请检查填写的内容后重试。'],
  401: ['登录已失效', '请重新登录后再操作；未保存的内容仍在本页。'],
  403: ['没有权限', '您没有办理这项操作的权限，如有需要请联系本单位管理员。'],
  404: ['内容不存在', '该内容不存在，或不在您的数据权限范围内。'],
  409: ['内容已被他人更改', '请刷新后在最新内容上重新操作。'],
  412: ['内容已被他人更改', '请刷新后在最新内容上重新操作。'],
  413: ['文件过大', '上传的文件超过大小限制。'],
  422: ['填写有误', '请按提示修改后重新提交。'],
  429: ['操作过于频繁', '请稍候再试。'],
  500: ['系统出错', '操作没有完成，系统已记录本次情况，请稍后重试。'],
  502: ['服务暂不可用', '系统正在恢复，请稍后重试。'],
  503: ['服务暂不可用', '系统正在维护或恢复，请稍后重试。'],
  504: ['响应超时', '系统没有及时响应，请稍后重试。'],
}

export function readProblem(status: number, type: string, body: string): Problem {
  const [title, detail] = byStatus[status] ?? ['操作没有完成', `系统返回状态 ${status}。`]
  if (/json/.test(type)) {
    try {
      const problem = JSON.parse(body) as Problem
      return { ...problem, title: problem.title ?? title, detail: problem.detail ?? detail, status }
    } catch {
      // A broken body says no more than its status.
    }
  }
  return { title, detail, status }
}

export function showProblem(problem: Problem): void {
  const lines = (problem.errors ?? []).map((error) => {
    const name = error.label ?? error.field // a path is for programs; the message says which row it is about
    return `${name ? `${name}：` : ''}${error.message ?? error.detail ?? ''}`
  })
  toast(problem.detail ?? '', 'danger', { title: problem.title, lines })
}
