/** Vehicle states as the live map shows them: word, colour and shape (never colour alone). */
import type { Map as MapLibre } from 'maplibre-gl'
import { addSymbol } from './map'

export interface VehicleState {
  code: string
  title: string
  colour: string
  shape: 'arrow' | 'dot' | 'ring' | 'triangle'
}

export const defaultStates: VehicleState[] = [
  { code: 'alarm', title: '告警', colour: '#c2352b', shape: 'triangle' },
  { code: 'moving', title: '行驶', colour: '#1d6fd1', shape: 'arrow' },
  { code: 'idle', title: '停车', colour: '#2b8a57', shape: 'dot' },
  { code: 'kept_moving', title: '非工时移动', colour: '#6b4fa3', shape: 'ring' },
  { code: 'kept_still', title: '非工时未动', colour: '#9a8bb8', shape: 'ring' },
  { code: 'offline', title: '离线', colour: '#7d8796', shape: 'ring' },
]

export function addStateSymbols(map: MapLibre, states: VehicleState[]): void {
  for (const state of states) {
    addSymbol(map, `state-${state.code}`, 26, (pen, size) => {
      const middle = size / 2
      pen.lineJoin = 'round'
      pen.lineWidth = 2
      pen.strokeStyle = '#fff'
      pen.fillStyle = state.colour
      pen.beginPath()
      if (state.shape === 'arrow') {
        pen.moveTo(middle, 3)
        pen.lineTo(middle + 8, size - 5)
        pen.lineTo(middle, size - 9)
        pen.lineTo(middle - 8, size - 5)
        pen.closePath()
      } else if (state.shape === 'triangle') {
        pen.moveTo(middle, 3)
        pen.lineTo(size - 3, size - 5)
        pen.lineTo(3, size - 5)
        pen.closePath()
      } else pen.arc(middle, middle, 7, 0, Math.PI * 2)
      if (state.shape === 'ring') {
        pen.fillStyle = '#fff'
        pen.fill()
        pen.strokeStyle = state.colour
        pen.lineWidth = 3
        pen.stroke()
        return
      }
      pen.fill()
      pen.stroke()
      if (state.shape === 'triangle') {
        pen.fillStyle = '#fff'
        pen.fillRect(middle - 1, 10, 2, 6)
        pen.fillRect(middle - 1, 17.5, 2, 2)
      }
    })
  }
}
