import {
  Card,
  CardBody,
  CardTitle,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  Grid,
  GridItem,
  Label,
  LabelGroup,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { CopyableId } from "../components/copyable-id.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useGitCredentials } from "../git-credentials/credential-queries.ts";
import { useSecrets } from "../secrets/secret-queries.ts";
import { pauseText } from "./git-fields.tsx";
import { HealthBar } from "./health-bar.tsx";
import { useTemplateUsage, useVersions, type Template, type TemplateVersion } from "./template-queries.ts";
import { countOf, healthParts, healthText } from "./usage-health.ts";
import { useAuthor } from "./use-author.ts";

function Row({ term, children }: { term: string; children: ReactNode }): ReactNode {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{term}</DescriptionListTerm>
      <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
  );
}

function GitRows({ template }: { template: Template }): ReactNode {
  const credentials = useGitCredentials();
  const { source, sync } = template;
  if (source.kind !== "git") return null;
  const credential = credentials.data?.find(({ id }) => id === source.credentialId);
  return (
    <>
      <Row term="Repository">
        <span className="rciots-breakable">{source.url}</span>
      </Row>
      <Row term="Branch, tag or commit">{source.ref === "" ? "the default branch" : source.ref}</Row>
      <Row term="Folder">{source.path === "." ? "the top" : source.path}</Row>
      <Row term="Credential">{source.credentialId === null ? "none" : (credential?.name ?? "stored")}</Row>
      <Row term="Commit">{sync.commit === null ? "none yet" : <CopyableId value={sync.commit} />}</Row>
      <Row term="Last looked at">
        <TimeAgo at={sync.checkedAt} />
      </Row>
      <Row term="Next look">
        <TimeAgo at={sync.nextAt} never="not planned" />{" "}
        <span className="rciots-muted">({pauseText(source.pollIntervalMs).toLowerCase()})</span>
      </Row>
    </>
  );
}

function SourceCard({ template }: { template: Template }): ReactNode {
  const isGit = template.source.kind === "git";
  return (
    <Card isFullHeight>
      <CardTitle component="h2">Source</CardTitle>
      <CardBody>
        <DescriptionList isHorizontal isCompact>
          <Row term="Kind">{isGit ? "Git repository" : "Inline files"}</Row>
          {isGit ? (
            <GitRows template={template} />
          ) : (
            <Row term="Kustomization">{template.root === "." ? "at the top" : template.root}</Row>
          )}
          <Row term="Identifier">
            <CopyableId value={template.id} />
          </Row>
          <Row term="Created">
            <TimeAgo at={template.createdAt} />
          </Row>
          <Row term="Changed">
            <TimeAgo at={template.updatedAt} />
          </Row>
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

function Variables({ names }: { names: readonly string[] }): ReactNode {
  if (names.length === 0) return <span className="rciots-muted">none</span>;
  return (
    <LabelGroup numLabels={10} aria-label="Variables">
      {names.map((name) => (
        <Label key={name} isCompact>
          {name}
        </Label>
      ))}
    </LabelGroup>
  );
}

/** Those that nobody has stored yet stand out: devices can't be given the version without them. */
function Secrets({ names }: { names: readonly string[] }): ReactNode {
  const stored = useSecrets().data;
  if (names.length === 0) return <span className="rciots-muted">none</span>;
  const isMissing = (name: string): boolean => stored?.every((secret) => secret.name !== name) ?? false;
  return (
    <LabelGroup numLabels={10} aria-label="Secrets">
      {names.map((name) => (
        <Label
          key={name}
          isCompact
          {...(isMissing(name) ? { status: "warning" as const } : {})}
          render={({ className, content }) => (
            <Link className={className} to={`/secrets?q=${name}`}>
              {content}
            </Link>
          )}
        >
          {isMissing(name) ? `${name}: not stored` : name}
        </Label>
      ))}
    </LabelGroup>
  );
}

function VersionCard({ version, total }: { version: TemplateVersion; total: number }): ReactNode {
  const author = useAuthor();
  return (
    <Card isFullHeight>
      <CardTitle component="h2">Current version</CardTitle>
      <CardBody>
        <DescriptionList isHorizontal isCompact>
          <Row term="Version">
            <Link to={`?tab=files&version=${version.id}`}>{version.number}</Link> of {total}
          </Row>
          <Row term="Made">
            <TimeAgo at={version.createdAt} /> by {author(version.createdBy)}
          </Row>
          {version.commit !== null && <Row term="Commit">{version.commit.subject}</Row>}
          <Row term="Objects">
            <Link to="?tab=rendered">{countOf(version.objectCount, "object")}</Link>
          </Row>
          <Row term="Variables">
            <Variables names={version.variables} />
          </Row>
          <Row term="Secrets">
            <Secrets names={version.secrets} />
          </Row>
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

function DevicesCard({ template }: { template: Template }): ReactNode {
  const usage = useTemplateUsage([template.id]).data?.get(template.id);
  return (
    <Card isFullHeight>
      <CardTitle component="h2">Devices</CardTitle>
      <CardBody>
        {usage === undefined ? (
          <span className="rciots-muted">Counting</span>
        ) : (
          <DescriptionList isHorizontal isCompact>
            <Row term="Have it">
              <Link to="?tab=devices">{countOf(usage.deviceCount, "device")}</Link>
            </Row>
            <Row term="Follow the current version">{usage.followerCount.toLocaleString()}</Row>
            <Row term="Online">{usage.onlineCount.toLocaleString()}</Row>
            <Row term="Health">
              {healthText(healthParts(usage.byState)) || "nothing reported yet"}
              <HealthBar byState={usage.byState} />
            </Row>
          </DescriptionList>
        )}
      </CardBody>
    </Card>
  );
}

export function OverviewTab({ template }: { template: Template }): ReactNode {
  const versions = useVersions(template.id);
  const current = versions.data?.pages.flatMap(({ items }) => items).find(({ isCurrent }) => isCurrent);
  return (
    <Grid hasGutter>
      <GridItem lg={6}>
        <SourceCard template={template} />
      </GridItem>
      <GridItem lg={6}>
        <Grid hasGutter>
          {current !== undefined && (
            <GridItem>
              <VersionCard version={current} total={template.versionCount} />
            </GridItem>
          )}
          <GridItem>
            <DevicesCard template={template} />
          </GridItem>
        </Grid>
      </GridItem>
    </Grid>
  );
}
