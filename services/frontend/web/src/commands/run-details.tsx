import {
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { CopyableId } from "../components/copyable-id.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import type { CommandRun } from "./command-queries.ts";
import { durationText } from "./executions-table.tsx";

function placeText({ place }: CommandRun): string {
  if (place.kind === "host") return "On the device itself";
  const pod = place.pod ?? `the first Pod with ${place.labelSelector ?? ""}`;
  const container = place.container === undefined ? "" : `, container ${place.container}`;
  return `In ${place.namespace}: ${pod}${container}`;
}

function targetText({ selector, deviceCount }: CommandRun): string {
  if (selector === null) return `${deviceCount} chosen by name`;
  const said = Object.entries(selector).map(([key, value]) =>
    key === "selector" ? String(value) : `${key} ${[value].flat().join(", ")}`,
  );
  return said.length === 0 ? `All active devices: ${deviceCount}` : `${said.join("; ")}: ${deviceCount}`;
}

const Entry = ({ term, children }: { term: string; children: ReactNode }): ReactNode => (
  <DescriptionListGroup>
    <DescriptionListTerm>{term}</DescriptionListTerm>
    <DescriptionListDescription>{children}</DescriptionListDescription>
  </DescriptionListGroup>
);

/** What was asked for. */
export function RunDetails({ run }: { run: CommandRun }): ReactNode {
  const { program, environmentNames, hasInput, scriptId } = run;
  const text = program.kind === "argv" ? program.argv.join(" ") : program.text;
  return (
    <DescriptionList columnModifier={{ default: "1Col", xl: "2Col" }}>
      <Entry term={program.kind === "argv" ? "Command" : `Script for ${program.interpreter}`}>
        <pre className="rciots-command-text" tabIndex={0} aria-label="What was run">
          {text}
        </pre>
      </Entry>
      <Entry term="Where">{placeText(run)}</Entry>
      {program.kind === "script" && program.arguments.length > 0 && (
        <Entry term="Arguments">{program.arguments.join(" ")}</Entry>
      )}
      <Entry term="Devices">{targetText(run)}</Entry>
      {scriptId !== null && (
        <Entry term="Saved script">
          <Link to={`/scripts/${scriptId}`}>As it is now</Link>
        </Entry>
      )}
      {(environmentNames.length > 0 || hasInput) && (
        <Entry term="Given to it">
          {[...environmentNames, ...(hasInput ? ["standard input"] : [])].join(", ")}; the values are not
          shown
        </Entry>
      )}
      <Entry term="Limits">
        {durationText(run.timeoutMs)} each, {run.concurrency} devices at once
        {run.stopOnFailure ? ", stops after a failure" : ""}
      </Entry>
      {run.waitUntil !== null && (
        <Entry term="Offline devices">
          It waits for them until <TimeAgo at={run.waitUntil} />
        </Entry>
      )}
      <Entry term="Started">
        <TimeAgo at={run.createdAt} /> by {run.createdBy.name}
      </Entry>
      <Entry term="Identifier">
        <CopyableId value={run.id} />
      </Entry>
    </DescriptionList>
  );
}
