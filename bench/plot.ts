/** Plots as SVG, by Apache ECharts without a browser: light, as wide as a column of a page, safe for the colour-blind. */
import { BarChart, CustomChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { type DrawnPlot, plotOption } from './plot-option.js'
import type { Plot } from './scenario.js'

use([BarChart, CustomChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])

/** The same plot gives the same bytes. */
export function plotSvg(plot: Plot): string {
  return drawnSvg(plotOption(plot), plot.title)
}

/** An SVG of what ECharts draws. @param title for who cannot see it. */
export function drawnSvg({ option, width, height }: DrawnPlot, title: string): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    chart.setOption(option)
    return withTitle(still(chart.renderToSVGString()), title)
  } finally {
    chart.dispose()
  }
}

/** For every program: without what only a pointer can see, and without ECharts' count of charts in the names. */
function still(svg: string): string {
  return (
    svg
      .replace(/<style >.*?<\/style>\s*/s, '')
      .replaceAll(/ (class="zr[^"]*"|ecmeta_\w+="[^"]*"|pointer-events="visible")/g, '')
      // Not every program that draws SVG knows this baseline (librsvg 2.54).
      .replaceAll('dominant-baseline="central"', 'dy="0.35em"')
      .replaceAll(/\bzr\d+-/g, 'zr-')
  )
}

/** What a screen reader says. */
function withTitle(svg: string, title: string): string {
  const text = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `${svg.replace('<svg ', '<svg role="img" ').replace('>', `>\n<title>${text}</title>`)}\n`
}
