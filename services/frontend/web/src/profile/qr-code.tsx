import { create } from "qrcode";
import type { ReactNode } from "react";

const quietModules = 4;

/** A path with one square for each dark module. */
function pathOf(text: string): { path: string; size: number } {
  const { modules } = create(text, { errorCorrectionLevel: "M" });
  const squares: string[] = [];
  modules.data.forEach((isDark, index) => {
    if (!isDark) return;
    const [x, y] = [index % modules.size, Math.floor(index / modules.size)];
    squares.push(`M${x + quietModules} ${y + quietModules}h1v1h-1z`);
  });
  return { path: squares.join(""), size: modules.size + 2 * quietModules };
}

/** Dark on white in either theme: not every camera reads the reverse. */
export function QrCode({ text, label }: { text: string; label: string }): ReactNode {
  const { path, size } = pathOf(text);
  return (
    <svg
      className="rciots-qr-code"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shapeRendering="crispEdges"
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
