import { SearchInput } from "@patternfly/react-core";
import { useEffect, useState, type ReactNode } from "react";

/** Whoever types is not asked for each letter. */
const typingMs = 300;
const maxChars = 100;

/** A text to find by; it is told once the typing pauses. */
export function SearchField(props: {
  label: string;
  placeholder: string;
  q: string;
  onSearch: (q: string) => void;
}): ReactNode {
  const { label, placeholder, q, onSearch } = props;
  const [text, setText] = useState(q);
  useEffect(() => {
    if (text === q) return undefined;
    const timer = setTimeout(() => onSearch(text), typingMs);
    return () => clearTimeout(timer);
  }, [text, q, onSearch]);
  return (
    <SearchInput
      aria-label={label}
      placeholder={placeholder}
      value={text}
      onChange={(_event, value) => setText(value.slice(0, maxChars))}
      onClear={() => {
        setText("");
        onSearch("");
      }}
    />
  );
}
