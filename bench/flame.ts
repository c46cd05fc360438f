/** Flame graphs as SVG, by ECharts as the plots are. */
import type { CustomSeriesRenderItem } from 'echarts'
import { drawnSvg } from './plot.js'
import { FONT, INK, OURS, PALETTE } from './plot-option.js'
import type { FlameFrame, FlameGraph } from './scenario.js'

/** px */
const WIDTH = 1200
const ROW_PX = 16
const FONT_PX = 11
const LEGEND_PX = 34
const MARGIN_PX = 8
/** A name shorter than this says nothing, characters. */
const NAME_LEAST = 3
const CHARACTER_PX = FONT_PX * 0.62
const FILL_OPACITY = 0.55
/** Black would hide its names. */
const COLOURS = [...PALETTE.filter((colour) => colour !== '#000000'), OURS, '#999933', '#332288', '#aa4499']

/** The same graph gives the same bytes. */
export function flameSvg({ title, parts, frames }: FlameGraph): string {
  const rows = 1 + Math.max(0, ...frames.map(({ depth }) => depth))
  const colour = new Map(parts.map((part, index) => [part, COLOURS[index % COLOURS.length]]))
  const option = {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT, fontSize: FONT_PX, color: INK },
    grid: { left: MARGIN_PX, right: MARGIN_PX, top: MARGIN_PX, bottom: LEGEND_PX, outerBoundsMode: 'none' },
    legend: {
      bottom: 4,
      left: 'center',
      selectedMode: false,
      itemGap: 28,
      itemHeight: 11,
      itemStyle: { opacity: FILL_OPACITY },
      textStyle: { fontSize: FONT_PX + 1, fontFamily: FONT, color: INK },
    },
    xAxis: { type: 'value', min: 0, max: 1, show: false },
    yAxis: { type: 'value', min: 0, max: rows, show: false },
    series: parts.map((part) => ({
      type: 'custom',
      name: part,
      color: colour.get(part),
      silent: true,
      renderItem: rendered(frames.filter((frame) => frame.part === part)),
      data: frames.filter((frame) => frame.part === part).map(({ from, depth }) => [from, depth]),
    })),
  }
  return drawnSvg({ option, width: WIDTH, height: rows * ROW_PX + MARGIN_PX + LEGEND_PX }, title)
}

function rendered(frames: readonly FlameFrame[]): CustomSeriesRenderItem {
  return ({ dataIndex }, api) => {
    const { name, depth, from, to } = frames[dataIndex]!
    const [x = 0, y = 0] = api.coord([from, depth + 1])
    const width = (api.coord([to, depth])[0] as number) - x
    const shown = Math.floor((width - 4) / CHARACTER_PX)
    const text = name.length <= shown ? name : `${name.slice(0, Math.max(0, shown - 1))}\u2026`
    return {
      type: 'rect' as const,
      shape: { x, y, width: Math.max(0.5, width - 0.5), height: ROW_PX - 1 },
      style: { fill: api.visual('color') as string, opacity: FILL_OPACITY },
      ...(shown < NAME_LEAST
        ? {}
        : {
            textContent: { type: 'text' as const, style: { text, fill: INK, fontSize: FONT_PX, fontFamily: FONT } },
            textConfig: { position: 'insideLeft' as const, distance: 2 },
          }),
    }
  }
}
