import { ClipboardCopy, Title } from "@patternfly/react-core";
import type { ReactNode } from "react";
import "./own-machine.css";

export interface Step {
  about: ReactNode;
  command: string;
}

/** Each is copied by itself: the first one asks for something. */
export function CommandSteps({ steps }: { steps: readonly Step[] }): ReactNode {
  return (
    <ol className="rciots-command-steps">
      {steps.map(({ about, command }) => (
        <li key={command}>
          <div className="rciots-muted">{about}</div>
          <ClipboardCopy
            isReadOnly
            hoverTip="Copy"
            clickTip="Copied"
            textAriaLabel={`Command: ${command}`}
            copyAriaLabel={`Copy: ${command}`}
          >
            {command}
          </ClipboardCopy>
        </li>
      ))}
    </ol>
  );
}

export const logInStep = (): Step => ({
  about: "Once: keep an API token on your machine. It asks for it.",
  command: `rciots login ${location.origin}`,
});

interface OwnMachineProps {
  steps: readonly Step[];
  /** Why it doesn't go; null: it does. */
  refusal: ReactNode;
}

/** How to do from one's own machine what the page does, below it. */
export function OwnMachine({ steps, refusal }: OwnMachineProps): ReactNode {
  return (
    <section className="rciots-own-machine" aria-labelledby="own-machine">
      <Title id="own-machine" headingLevel="h2" size="lg">
        From your own machine
      </Title>
      {refusal === null ? <CommandSteps steps={steps} /> : <p className="rciots-muted">{refusal}</p>}
    </section>
  );
}
