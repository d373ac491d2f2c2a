import type { Measurement } from "./measurement.ts";

const width = 880;
const rowHeight = 40;
const labelWidth = 430;
const top = 46;
/** Share of the plot at which the target's line stands. */
const targetAt = 0.66;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Bars of how much of each target is used up: left of the line is within the target. */
export function barChart(measurements: readonly Measurement[]): string {
  const plotWidth = width - labelWidth - 24;
  const height = top + measurements.length * rowHeight + 12;
  const lineX = labelWidth + plotWidth * targetAt;
  const bars = measurements.map(({ what, measured, load, passed }, index) => {
    const y = top + index * rowHeight;
    const length = Math.max(2, Math.min(plotWidth, plotWidth * targetAt * load));
    return `  <text x="${labelWidth - 12}" y="${y + 13}" text-anchor="end">${escaped(what)}</text>
  <text x="${labelWidth - 12}" y="${y + 28}" text-anchor="end" class="value">${escaped(measured)}</text>
  <rect x="${labelWidth}" y="${y + 4}" width="${length.toFixed(1)}" height="22" rx="2" class="${passed ? "pass" : "short"}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Share of each target that is used up">
  <style>
    text { font: 12px system-ui, sans-serif; fill: #1f2328; }
    .value { fill: #59636e; }
    .pass { fill: #2f7d4f; }
    .short { fill: #c4632c; }
    line { stroke: #1f2328; stroke-dasharray: 4 3; }
  </style>
  <rect width="${width}" height="${height}" fill="#ffffff"/>
  <text x="12" y="22" font-weight="600">Share of each target used up (shorter is better; the dashed line is the target)</text>
${bars.join("\n")}
  <line x1="${lineX.toFixed(1)}" y1="${top - 8}" x2="${lineX.toFixed(1)}" y2="${height - 8}"/>
</svg>
`;
}
