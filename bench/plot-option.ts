/** From a plot of ours to ECharts' options: sizes, colours, axes, marks. */
import type { CustomSeriesRenderItem } from 'echarts'
import type { EChartsCoreOption } from 'echarts/core'
import { axisText } from './csv.js'
import type { Plot, PlotAxis, PlotLine, PlotPoint } from './scenario.js'

/** px; at the width of a text column 13 px are about 9 pt. */
const WIDTH = 640
const HEIGHT = 380
const FONT_PX = 13
const LEGEND_ROW_PX = 26
const LEGEND_MARK_PX = 26
/** Plots of dots: marks of one row stand so far apart, that none hides another. */
const DODGE_PX = 8
export const INK = '#222222'
const GRID_INK = '#e3e3e3'
/** Without quotation marks: ECharts writes them into attributes as they are. */
export const FONT = 'Helvetica, Arial, DejaVu Sans, sans-serif'
/** Okabe and Ito 2008, without the yellow that white paper swallows; ours is the vermilion. */
export const OURS = '#d55e00'
export const PALETTE = ['#0072b2', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#8a8a8a']
const GUIDE = '#9a9a9a'
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond', 'emptyCircle', 'emptyRect', 'emptyTriangle', 'emptyDiamond']
const DASHES = ['solid', 'dashed', 'dotted'] as const

/** What `plotSvg` draws, in px. */
export interface DrawnPlot {
  option: EChartsCoreOption
  width: number
  height: number
}

export function plotOption(plot: Plot): DrawnPlot {
  const isDots = plot.kind === 'dots'
  const categories = categoriesOf(plot)
  const markPx = plot.lines.some((line) => hasLine(plot, line)) ? LEGEND_MARK_PX : 12
  const legendRows = legendRowsOf(plot.lines, markPx)
  const below = 46 + legendRows * LEGEND_ROW_PX
  const height = isDots ? 16 + rowPx(plot) * categories.length + below : HEIGHT + legendRows * LEGEND_ROW_PX
  const [x, y] = [whole(plot.x, plot, 'x'), whole(plot.y, plot, 'y')]
  const [across, upwards] = isDots ? [y, x] : [x, y]
  const left = isDots ? 18 + widestPx(categories) : 70
  return {
    width: WIDTH,
    height,
    option: {
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: { fontFamily: FONT, fontSize: FONT_PX, color: INK },
      grid: { left, right: 24, top: isDots ? 12 : 18, bottom: below, outerBoundsMode: 'none' },
      legend: {
        show: legendRows > 0,
        bottom: 4,
        left: 'center',
        selectedMode: false,
        width: WIDTH - 40,
        itemWidth: markPx,
        itemHeight: 12,
        itemGap: LEGEND_ROW_PX - 14,
        textStyle: { fontSize: FONT_PX, color: INK, fontFamily: FONT },
        data: plot.lines.map(({ name, role }) => (role === 'guide' ? { name, itemStyle: { opacity: 0 } } : { name })),
      },
      xAxis: axisOption(across, categories, { isUpwards: false, isDots }),
      yAxis: axisOption(upwards, categories, { isUpwards: true, isDots }),
      series: plot.lines.flatMap((line, index) => lineOptions(plot, line, index)),
    },
  }
}

/** A logarithmic axis of whole decades around its points; ECharts would begin one too early. Bars do not begin at their end. */
function whole(axis: PlotAxis, { kind, lines }: Plot, of: 'x' | 'y'): PlotAxis {
  if (axis.scale !== 'log') return axis
  const points = lines.flatMap(({ points }) => points)
  const numbers = points.flatMap(({ x, y, low, high }) => (of === 'x' ? [x] : [y, low, high])).map(Number)
  const positive = numbers.filter((number) => number > 0 && number < Infinity)
  if (positive.length === 0) return axis
  const below = Math.log10(Math.min(...positive)) - (kind === 'bars' ? 0.1 : -1e-9)
  const above = Math.log10(Math.max(...positive)) - 1e-9
  const min = 10 ** Math.floor(below)
  return { min, max: 10 ** Math.max(Math.ceil(above), Math.floor(below) + 1), ...axis }
}

/** Every category of the x axis, in the order in which it first comes. */
function categoriesOf({ x, lines }: Plot): string[] {
  if (x.scale !== 'category') return []
  return [...new Set(lines.flatMap(({ points }) => points.map((point) => String(point.x))))]
}

function axisOption(axis: PlotAxis, categories: readonly string[], { isUpwards, isDots }: Record<string, boolean>) {
  const isCategory = axis.scale === 'category'
  return {
    type: isCategory ? 'category' : axis.scale === 'log' ? 'log' : 'value',
    name: isCategory && isDots ? '' : axisText(axis),
    nameLocation: 'middle',
    nameGap: isUpwards ? 50 : 30,
    nameTextStyle: { fontSize: FONT_PX, color: INK, fontFamily: FONT },
    ...(isCategory ? { data: categories, inverse: isUpwards } : rangeOf(axis)),
    axisLabel: {
      fontSize: FONT_PX,
      color: INK,
      fontFamily: FONT,
      ...(isCategory ? { interval: 0, hideOverlap: false } : { formatter: shortNumber, hideOverlap: true }),
    },
    axisLine: { show: true, onZero: false, lineStyle: { color: INK, width: 1 } },
    axisTick: { show: !(isCategory && isDots), lineStyle: { color: INK }, alignWithLabel: false },
    minorTick: { show: axis.scale === 'log', splitNumber: 9, length: 3, lineStyle: { color: INK } },
    splitLine: { show: !isCategory || isDots, lineStyle: { color: GRID_INK, width: 1 } },
  }
}

function rangeOf({ min, max, scale }: PlotAxis) {
  return {
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(scale === 'linear' && min === undefined ? { scale: false } : {}),
  }
}

/** `20k`, `1.5M`, `0.03`: so that a tick has at most five letters. */
export function shortNumber(number: number): string {
  const steps: [number, string][] = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ]
  for (const [step, letter] of steps) {
    if (Math.abs(number) >= step) return `${Number((number / step).toPrecision(3))}${letter}`
  }
  return String(Number(number.toPrecision(3)))
}

function lineOptions(plot: Plot, line: PlotLine, index: number): object[] {
  const others = plot.lines.filter(({ role }) => role !== 'ours' && role !== 'guide')
  const rank = others.indexOf(line)
  const color = line.role === 'ours' ? OURS : line.role === 'guide' ? GUIDE : PALETTE[rank % PALETTE.length]!
  const symbol = line.role === 'ours' ? 'diamond' : SYMBOLS[Math.max(0, rank) % SYMBOLS.length]!
  const base = { name: line.name, data: line.points.map((point) => place(plot, point)), color, clip: false }
  const z = line.role === 'ours' ? 5 : 3
  const marks = {
    ...base,
    symbol: line.role === 'guide' ? 'none' : symbol,
    symbolSize: line.role === 'ours' ? 14 : 9,
    itemStyle: { color, opacity: 1 },
    ...(plot.kind === 'dots' ? { symbolOffset: [0, dodgePx(plot, line)] } : {}),
    z: z + 1,
  }
  const shown =
    plot.kind === 'bars' && line.role !== 'guide'
      ? { ...base, type: 'bar', clip: true, barGap: '8%', barCategoryGap: '28%', itemStyle: { color }, ...stack(plot) }
      : {
          ...marks,
          type: 'line',
          lineStyle: lineStyle(plot, line, color, rank),
          showSymbol: true,
          connectNulls: false,
          z,
        }
  const hasSpread = line.points.some(({ low, high }) => low !== undefined && high !== undefined)
  // The legend takes its mark from the first of a name.
  return hasSpread ? [shown, spreadOption(plot, line, index, color)] : [shown]
}

/** Whether the points of a line are joined. */
function hasLine({ kind }: Plot, { role }: PlotLine): boolean {
  return role === 'guide' || (kind === 'line' && role !== 'dots')
}

/** Bars that never share a category stand in its middle. */
function stack({ lines }: Plot): { stack?: string } {
  const categories = lines.flatMap(({ points }) => points.map(({ x }) => x))
  return new Set(categories).size === categories.length ? { stack: 'one' } : {}
}

function marked({ lines }: Plot): PlotLine[] {
  return lines.filter(({ role }) => role !== 'guide')
}

function rowPx(plot: Plot): number {
  return Math.max(24, DODGE_PX * (marked(plot).length + 1))
}

function dodgePx(plot: Plot, line: PlotLine): number {
  return DODGE_PX * (marked(plot).indexOf(line) - (marked(plot).length - 1) / 2)
}

function lineStyle(plot: Plot, line: PlotLine, color: string, rank: number) {
  const { role } = line
  if (!hasLine(plot, line)) return { color, width: 0, opacity: 0 }
  if (role === 'guide') return { color, width: 1.2, type: 'dashed' }
  if (role === 'ours') return { color, width: 3, type: 'solid' }
  return { color, width: 1.8, type: DASHES[Math.floor(rank / PALETTE.length) % DASHES.length] }
}

/** In the order of the axes on paper. */
function place({ kind, x }: Plot, point: PlotPoint): [number | string | null, number | string | null] {
  const category = x.scale === 'category' ? String(point.x) : point.x
  return kind === 'dots' ? [point.y, category] : [category, point.y]
}

/** Intervals as thin bars, for all lines but bars at their category. */
function spreadOption(plot: Plot, line: PlotLine, index: number, color: string) {
  const isDots = plot.kind === 'dots'
  const shift = plot.kind === 'bars' ? barShift(plot.lines.length, index) : 0
  const renderItem: CustomSeriesRenderItem = (_, api) => {
    const [category, low, high] = [api.value(0), api.value(1), api.value(2)]
    const ends = [low, high].map((value) => api.coord(isDots ? [value, category] : [category, value]))
    const bandPx = shift === 0 ? 0 : (api.size!([1, 0]) as number[])[0]! * shift
    const [[x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = []] = ends
    const style = { stroke: plot.kind === 'bars' ? INK : color, lineWidth: 1.5 }
    const stroke = (shape: { x1: number; y1: number; x2: number; y2: number }) => ({
      type: 'line' as const,
      shape,
      style,
    })
    const cap = (x: number, y: number) =>
      stroke(isDots ? { x1: x, y1: y - 3, x2: x, y2: y + 3 } : { x1: x - 3, y1: y, x2: x + 3, y2: y })
    return {
      type: 'group',
      x: bandPx,
      y: isDots ? dodgePx(plot, line) : 0,
      children: [stroke({ x1, y1, x2, y2 }), cap(x1, y1), cap(x2, y2)],
    }
  }
  const known = line.points.filter(({ low, high }) => low !== undefined && high !== undefined)
  return {
    type: 'custom',
    name: line.name,
    color,
    renderItem,
    data: known.map(({ x, low, high }) => [plot.x.scale === 'category' ? String(x) : x, low, high]),
    encode: isDots ? { x: [1, 2], y: 0 } : { x: 0, y: [1, 2] },
    z: plot.kind === 'bars' ? 7 : 2,
    silent: true,
  }
}

/** Where the middle of a bar is beside that of its category, in widths of the category. */
function barShift(bars: number, index: number): number {
  const barWidth = 0.72 / (bars + 0.08 * (bars - 1))
  return (index - (bars - 1) / 2) * barWidth * 1.08
}

function legendRowsOf(lines: readonly PlotLine[], markPx: number): number {
  if (lines.length < 2) return 0
  let [rows, usedPx] = [1, 0]
  for (const { name } of lines) {
    const itemPx = markPx + 5 + widestPx([name]) + LEGEND_ROW_PX - 14
    if (usedPx + itemPx > WIDTH - 40) [rows, usedPx] = [rows + 1, 0]
    usedPx += itemPx
  }
  return rows
}

/** A text's width, about: no font can be asked. */
function widestPx(texts: readonly string[]): number {
  return Math.ceil(Math.max(0, ...texts.map((text) => text.length * FONT_PX * 0.53)))
}
