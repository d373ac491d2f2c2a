import { Button, Checkbox, Spinner } from "@patternfly/react-core";
import { memo, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { ErrorState } from "../components/error-state.tsx";
import { styledText } from "./ansi.ts";
import { isOver, useOutput, type Execution } from "./command-queries.ts";
import { outputText, type Output, type Segment } from "./output.ts";

const sizes = ["bytes", "KB", "MB", "GB"];

export function sizeText(bytes: number): string {
  const step = Math.min(sizes.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1_000 ** step;
  return `${step === 0 ? value : value.toFixed(1)} ${sizes[step] ?? ""}`;
}

/** One segment never changes once another stands after it. */
const SegmentText = memo(function SegmentText({ segment }: { segment: Segment }): ReactNode {
  const parts = useMemo(() => (segment.kind === "text" ? styledText(segment.text) : []), [segment]);
  if (segment.kind === "gap") {
    return <span className="rciots-output-gap">{sizeText(segment.bytes)} of output were left out here.</span>;
  }
  return (
    <span className={segment.stream === "stderr" ? "rciots-output-stderr" : undefined}>
      {parts.map(({ text, className }, index) => (
        <span key={index} className={className === "" ? undefined : className}>
          {text}
        </span>
      ))}
    </span>
  );
});

function download(output: Output, name: string): void {
  const url = URL.createObjectURL(new Blob([outputText(output)], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** How near to its end a reader counts as following, in pixels. */
const nearEnd = 24;

/** What a command writes, as it writes it. */
export function OutputPanel({ execution }: { execution: Execution }): ReactNode {
  const found = useOutput(execution);
  const [follows, setFollows] = useState(true);
  const box = useRef<HTMLPreElement>(null);
  const output = found.data;
  const length = output?.nextOffset ?? 0;
  useEffect(() => {
    if (follows && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [follows, length]);
  if (found.isError && output === undefined) {
    return <ErrorState error={found.error} onRetry={() => void found.refetch()} />;
  }
  const isRunning = !isOver(execution.state);
  const isEmpty = output === undefined || output.segments.length === 0;
  return (
    <>
      <div className="rciots-output-tools">
        <Checkbox
          id={`follow-${execution.id}`}
          label="Follow the output"
          isChecked={follows}
          onChange={(_event, checked) => setFollows(checked)}
        />
        {output !== undefined && !isEmpty && (
          <Button
            variant="link"
            isInline
            onClick={() => download(output, `${execution.deviceName}-${execution.id}.txt`)}
          >
            Download
          </Button>
        )}
      </div>
      <pre
        ref={box}
        className="rciots-output"
        role="log"
        aria-live="off"
        aria-label={`Output on ${execution.deviceName}`}
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          const isAtEnd = scrollHeight - scrollTop - clientHeight < nearEnd;
          if (follows !== isAtEnd) setFollows(isAtEnd);
        }}
      >
        {output?.segments.map((segment, index) => (
          <SegmentText key={index} segment={segment} />
        ))}
        {isEmpty && (
          <span className="rciots-muted">
            {isRunning ? "Nothing was written yet." : "Nothing was written."}
          </span>
        )}
        {isRunning && execution.state === "running" && (
          <>
            {" "}
            <Spinner size="sm" aria-label="It runs" aria-valuenow={undefined} />
          </>
        )}
      </pre>
    </>
  );
}
