import type { ReactNode } from "react";

/** The mark and the name; the text takes the theme's colour. */
export function Brand(): ReactNode {
  return (
    <span className="rciots-brand">
      <img src="/favicon.svg" alt="" width={32} height={32} />
      <span className="rciots-brand-name">RCIoTS</span>
    </span>
  );
}
