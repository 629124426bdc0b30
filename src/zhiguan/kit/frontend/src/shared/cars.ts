/**
 * Thousands of cars drawn by the graphics card, gliding from where they were to where they are; and how many stand
 * together when the map shows the whole city. For flat maps without rotation.
 */
import { type CustomLayerInterface, type Map as MapLibre, MercatorCoordinate } from 'maplibre-gl'
import type { VehicleState } from './vehicles'

/** A car on the map. `x`, `y`: Mercator, 0 to 1. `heading` in degrees from north. */
export interface Car {
  id: string
  x: number
  y: number
  heading: number
  state: number
}

export interface Group {
  x: number
  y: number
  count: number
  alarms: number
}

const FLOATS = 6
const GLIDE_MS = 1000
/** Farther than this in one step a car has not driven: it appears there. About 2 km. */
const JUMP = 5e-5
const POINT_PX = 26
const CELL_PX = 64

const VERTEX = `#version 300 es
in vec2 a; in vec2 b; in float heading; in float state;
uniform vec2 origin; uniform vec2 scale; uniform float part; uniform float size;
out float turn; flat out int kind;
void main() {
  vec2 at = origin + mix(a, b, part) * scale;
  gl_Position = vec4(at, 0.0, 1.0);
  gl_PointSize = size;
  turn = radians(heading); kind = int(state);
}`

const FRAGMENT = `#version 300 es
precision mediump float;
in float turn; flat in int kind;
uniform vec4 looks[8];
out vec4 colour;
float line(vec2 p, vec2 a, vec2 b) { vec2 n = normalize(vec2(b.y - a.y, a.x - b.x)); return dot(p - a, n); }
void main() {
  vec2 p = (gl_PointCoord - 0.5) * 26.0;
  vec4 look = looks[kind];
  float d; bool hollow = false;
  if (look.a < 0.5) {
    float c = cos(turn), s = sin(turn);
    p = vec2(p.x * c + p.y * s, -p.x * s + p.y * c);
    p.x = abs(p.x);
    d = max(line(p, vec2(0.0, -10.0), vec2(8.0, 8.0)), -line(p, vec2(0.0, 4.0), vec2(8.0, 8.0)));
  } else if (look.a < 2.5) {
    d = length(p) - 7.0; hollow = look.a > 1.5;
  } else {
    p.x = abs(p.x);
    d = max(line(p, vec2(0.0, -10.0), vec2(10.0, 8.0)), p.y - 8.0);
  }
  if (d > 2.0) discard;
  bool mark = look.a > 2.5 && p.x < 1.0 && ((p.y > -3.0 && p.y < 3.0) || (p.y > 4.5 && p.y < 6.5));
  vec3 inner = (hollow && d < -2.5) || mark ? vec3(1.0) : look.rgb;
  vec3 outer = hollow ? look.rgb : vec3(1.0);
  float alpha = 1.0 - smoothstep(1.0, 2.0, d);
  colour = vec4(mix(inner, outer, smoothstep(-0.5, 0.5, d)) * alpha, alpha);
}`

const SHAPES = { arrow: 0, dot: 1, ring: 2, triangle: 3 } as const

function shader(gl: WebGL2RenderingContext, kind: number, text: string): WebGLShader {
  const made = gl.createShader(kind)!
  gl.shaderSource(made, text)
  gl.compileShader(made)
  if (!gl.getShaderParameter(made, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(made) ?? 'shader')
  return made
}

export class CarLayer implements CustomLayerInterface {
  readonly id: string
  readonly type = 'custom' as const
  private map: MapLibre | null = null
  private program: WebGLProgram | null = null
  private buffer: WebGLBuffer | null = null
  private array: WebGLVertexArrayObject | null = null
  private cars: Car[] = []
  private data = new Float32Array(0)
  private slots = new Map<string, number>()
  private originX = 0.5
  private originY = 0.5
  private began = 0
  private moving = false
  private dirty = false
  private readonly looks: Float32Array
  private readonly still = matchMedia('(prefers-reduced-motion: reduce)')

  constructor(id: string, states: VehicleState[]) {
    this.id = id
    this.looks = new Float32Array(8 * 4)
    states.slice(0, 8).forEach((state, index) => {
      const value = Number.parseInt(state.colour.slice(1), 16)
      this.looks.set([((value >> 16) & 255) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255, SHAPES[state.shape]], index * 4)
    })
  }

  onAdd(map: MapLibre, gl: WebGL2RenderingContext): void {
    this.map = map
    const program = gl.createProgram()!
    gl.attachShader(program, shader(gl, gl.VERTEX_SHADER, VERTEX))
    gl.attachShader(program, shader(gl, gl.FRAGMENT_SHADER, FRAGMENT))
    gl.linkProgram(program)
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? 'program')
    this.program = program
    this.buffer = gl.createBuffer()
    this.array = gl.createVertexArray()
    gl.bindVertexArray(this.array)
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer)
    const parts: [name: string, size: number, at: number][] = [['a', 2, 0], ['b', 2, 2], ['heading', 1, 4], ['state', 1, 5]]
    for (const [name, size, at] of parts) {
      const place = gl.getAttribLocation(program, name)
      gl.enableVertexAttribArray(place)
      gl.vertexAttribPointer(place, size, gl.FLOAT, false, FLOATS * 4, at * 4)
    }
    gl.bindVertexArray(null)
    this.dirty = true
  }

  onRemove(_map: MapLibre, gl: WebGL2RenderingContext): void {
    gl.deleteBuffer(this.buffer)
    gl.deleteVertexArray(this.array)
    gl.deleteProgram(this.program)
    this.map = null
  }

  /** How far the present glide has come, 0 to 1. */
  private part(): number {
    return this.moving && !this.still.matches ? Math.min(1, (performance.now() - this.began) / GLIDE_MS) : 1
  }

  /** Shows these cars from now on; those already shown glide. */
  show(cars: Car[]): void {
    const part = this.part()
    const old = this.data
    const slots = this.slots
    const data = new Float32Array(cars.length * FLOATS)
    const next = new Map<string, number>()
    const first = cars[0]
    const shiftX = this.cars.length || !first ? 0 : first.x - this.originX
    const shiftY = this.cars.length || !first ? 0 : first.y - this.originY
    this.originX += shiftX
    this.originY += shiftY
    let moving = false
    cars.forEach((car, index) => {
      const at = index * FLOATS
      const x = car.x - this.originX
      const y = car.y - this.originY
      let fromX = x
      let fromY = y
      const slot = slots.get(car.id)
      if (slot !== undefined) {
        fromX = old[slot]! + (old[slot + 2]! - old[slot]!) * part
        fromY = old[slot + 1]! + (old[slot + 3]! - old[slot + 1]!) * part
        if (Math.abs(fromX - x) > JUMP || Math.abs(fromY - y) > JUMP) {
          fromX = x
          fromY = y
        } else if (fromX !== x || fromY !== y) moving = true
      }
      data[at] = fromX
      data[at + 1] = fromY
      data[at + 2] = x
      data[at + 3] = y
      data[at + 4] = car.heading
      data[at + 5] = car.state
      next.set(car.id, at)
    })
    this.cars = cars
    this.data = data
    this.slots = next
    this.moving = moving
    this.began = performance.now()
    this.dirty = true
    this.map?.triggerRepaint()
  }

  /** The car drawn nearest to a point of the canvas, within a finger's width. */
  at(point: { x: number; y: number }): string | null {
    if (!this.map || !this.cars.length) return null
    const here = MercatorCoordinate.fromLngLat(this.map.unproject([point.x, point.y]))
    const world = 512 * 2 ** this.map.getZoom()
    const part = this.part()
    let best = (14 / world) ** 2
    let found: string | null = null
    this.cars.forEach((car, index) => {
      const at = index * FLOATS
      const dx = this.originX + this.data[at]! + (this.data[at + 2]! - this.data[at]!) * part - here.x
      const dy = this.originY + this.data[at + 1]! + (this.data[at + 3]! - this.data[at + 1]!) * part - here.y
      const distance = dx * dx + dy * dy
      if (distance <= best) {
        best = distance
        found = car.id
      }
    })
    return found
  }

  render(gl: WebGL2RenderingContext): void {
    const map = this.map
    if (!map || !this.cars.length) return
    const { clientWidth: width, clientHeight: height } = map.getCanvas()
    const zoom = map.getZoom()
    const world = 512 * 2 ** zoom
    // In doubles here, small differences there: single precision alone shakes at street zoom.
    const pixel = map.project(new MercatorCoordinate(this.originX, this.originY).toLngLat())
    gl.useProgram(this.program)
    gl.bindVertexArray(this.array)
    if (this.dirty) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer)
      gl.bufferData(gl.ARRAY_BUFFER, this.data, gl.DYNAMIC_DRAW)
      this.dirty = false
    }
    const set = (name: string): WebGLUniformLocation | null => gl.getUniformLocation(this.program!, name)
    gl.uniform2f(set('origin'), (pixel.x / width) * 2 - 1, 1 - (pixel.y / height) * 2)
    gl.uniform2f(set('scale'), (world / width) * 2, (-world / height) * 2)
    const part = this.part()
    gl.uniform1f(set('part'), part)
    gl.uniform1f(set('size'), POINT_PX * devicePixelRatio * Math.max(0.6, Math.min(1, 0.6 + (zoom - 9) * 0.08)))
    gl.uniform4fv(set('looks'), this.looks)
    gl.enable(gl.BLEND)
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
    gl.drawArrays(gl.POINTS, 0, this.cars.length)
    gl.bindVertexArray(null)
    if (part < 1) map.triggerRepaint()
  }
}

/** Cars that stand together at this zoom, on a grid that does not move with the map; and those that stand alone. */
export function grouped(cars: Car[], zoom: number, isAlarm: (state: number) => boolean): { groups: Group[]; alone: Car[] } {
  const cell = CELL_PX / (512 * 2 ** zoom)
  const cells = new Map<number, { sumX: number; sumY: number; count: number; alarms: number; first: Car }>()
  for (const car of cars) {
    const key = Math.floor(car.x / cell) * 4_194_304 + Math.floor(car.y / cell)
    const known = cells.get(key)
    const alarm = isAlarm(car.state) ? 1 : 0
    if (known) {
      known.sumX += car.x
      known.sumY += car.y
      known.count += 1
      known.alarms += alarm
    } else cells.set(key, { sumX: car.x, sumY: car.y, count: 1, alarms: alarm, first: car })
  }
  const groups: Group[] = []
  const alone: Car[] = []
  for (const { sumX, sumY, count, alarms, first } of cells.values()) {
    if (count === 1) alone.push(first)
    else groups.push({ x: sumX / count, y: sumY / count, count, alarms })
  }
  return { groups, alone }
}
