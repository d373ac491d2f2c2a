import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";

interface LogViewProps {
  lines: readonly string[];
  /** Marked wherever it stands. */
  search: string;
  isWrapped: boolean;
  /** Stays at the end as lines come. */
  isFollowing: boolean;
  /** Somebody scrolled away from the end, or back to it. */
  onFollow: (isFollowing: boolean) => void;
  label: string;
}

const lineHeight = 20;
const overscan = 40;
/** Wrapped lines have heights of their own: then only so many are drawn. */
const maxWrapped = 1_000;

function Marked({ text, search }: { text: string; search: string }): ReactNode {
  if (search === "") return text;
  const parts: ReactNode[] = [];
  const [where, wanted] = [text.toLowerCase(), search.toLowerCase()];
  let from = 0;
  for (let at = where.indexOf(wanted); at !== -1; at = where.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + search.length)}</mark>);
    from = at + search.length;
  }
  return [...parts, text.slice(from)];
}

/** Draws the lines in view alone, so that a hundred thousand of them cost no more than a screen. */
export function LogView(props: LogViewProps): ReactNode {
  const { lines, search, isWrapped, isFollowing, onFollow, label } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const { current } = box;
    if (current !== null && isFollowing) current.scrollTop = current.scrollHeight;
  }, [lines, isFollowing, isWrapped]);
  useEffect(() => {
    const { current } = box;
    if (current === null) return undefined;
    const observer = new ResizeObserver(() =>
      setView({ top: current.scrollTop, height: current.clientHeight }),
    );
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  const onScroll = (): void => {
    const { current } = box;
    if (current === null) return;
    setView({ top: current.scrollTop, height: current.clientHeight });
    const isAtEnd = current.scrollHeight - current.scrollTop - current.clientHeight < lineHeight * 2;
    if (isAtEnd !== isFollowing) onFollow(isAtEnd);
  };
  const first = isWrapped
    ? Math.max(0, lines.length - maxWrapped)
    : Math.max(0, Math.floor(view.top / lineHeight) - overscan);
  const count = isWrapped ? maxWrapped : Math.ceil(view.height / lineHeight) + 2 * overscan;
  const drawn = lines.slice(first, first + count);
  const before = isWrapped ? 0 : first * lineHeight;
  const total = isWrapped ? undefined : lines.length * lineHeight;
  return (
    <div
      ref={box}
      className={isWrapped ? "rciots-log rciots-log-wrapped" : "rciots-log"}
      role="log"
      aria-live="off"
      aria-label={label}
      tabIndex={0}
      onScroll={onScroll}
    >
      <div className="rciots-log-lines" style={{ height: total, paddingBlockStart: before }}>
        {drawn.map((line, index) => (
          <div key={first + index} className="rciots-log-line">
            <Marked text={line} search={search} />
          </div>
        ))}
      </div>
    </div>
  );
}
