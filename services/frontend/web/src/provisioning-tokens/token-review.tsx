import {
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { LabelList } from "../components/label-list.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useNow } from "../components/use-now.ts";
import { useTemplateNames } from "../devices/use-template-names.ts";
import { expiresAtOf, type Expiry } from "./limit-fields.tsx";
import type { Token } from "./token.ts";

/** What the wizard has so far. */
export interface TokenDraft extends Pick<
  Token,
  "name" | "approval" | "maxDevices" | "labels" | "templateIds"
> {
  expiry: Expiry;
}

export const approvalText = (approval: Token["approval"]): string =>
  approval === "manual" ? "By hand" : "Automatic";

export function TokenReview({ draft }: { draft: TokenDraft }): ReactNode {
  const expiresAt = expiresAtOf(draft.expiry, useNow()) ?? null;
  return (
    <DescriptionList isHorizontal aria-label="The token to be created">
      <Fact term="Name">{draft.name}</Fact>
      <Fact term="Approval">{approvalText(draft.approval)}</Fact>
      <Fact term="Expires">
        <TimeAgo at={expiresAt} />
      </Fact>
      <Fact term="Devices">{draft.maxDevices === null ? "no limit" : `at most ${draft.maxDevices}`}</Fact>
      <Fact term="Labels">
        <LabelList labels={draft.labels} max={20} />
      </Fact>
      <Fact term="Templates">
        <TemplateNames ids={draft.templateIds} />
      </Fact>
    </DescriptionList>
  );
}

export function Fact({ term, children }: { term: string; children: ReactNode }): ReactNode {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{term}</DescriptionListTerm>
      <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
  );
}

export function TemplateNames({ ids }: { ids: readonly string[] }): ReactNode {
  const names = useTemplateNames();
  if (ids.length === 0) return <span className="rciots-muted">none</span>;
  return ids.map((id) => names[id] ?? id).join(", ");
}
