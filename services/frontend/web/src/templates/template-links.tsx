import type { ReactNode } from "react";
import { Link } from "react-router";

const maxShown = 5;

/** Templates by name, each a link to it. */
export function TemplateLinks({
  templates,
}: {
  templates: readonly { id: string; name: string }[];
}): ReactNode {
  if (templates.length === 0) return <span className="rciots-muted">no template</span>;
  const others = templates.length - maxShown;
  return (
    <>
      {templates.slice(0, maxShown).map(({ id, name }, index) => (
        <span key={id}>
          {index > 0 && ", "}
          <Link to={`/templates/${id}`}>{name}</Link>
        </span>
      ))}
      {others > 0 && ` and ${others} more`}
    </>
  );
}
