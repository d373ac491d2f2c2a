import { Form, PageSection, Wizard, WizardStep } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { PageHeader } from "../components/page-header.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useNow } from "../components/use-now.ts";
import { CreatedTokenPage } from "./created-token.tsx";
import { LabelsField } from "./labels-field.tsx";
import { DeviceCapField, ExpiryField, expiresAtOf } from "./limit-fields.tsx";
import { NameFields } from "./name-fields.tsx";
import { TemplatesField } from "./templates-field.tsx";
import { TokenReview, type TokenDraft } from "./token-review.tsx";
import { useCreateToken } from "./use-tokens.ts";

const list = "/provisioning-tokens";
const blank: TokenDraft = {
  name: "",
  approval: "manual",
  maxDevices: 10,
  expiry: { choice: "7", date: "" },
  labels: {},
  templateIds: [],
};

/** From a name to the command to run; the token is in this page's memory alone. */
export function CreateTokenPage(): ReactNode {
  const [draft, setDraft] = useState(blank);
  const create = useCreateToken();
  const navigate = useNavigate();
  const now = useNow();
  if (create.data) return <CreatedTokenPage created={create.data} />;

  const change = (part: Partial<TokenDraft>): void => setDraft((before) => ({ ...before, ...part }));
  const isNamed = draft.name.trim() !== "";
  const hasExpiry = expiresAtOf(draft.expiry, now) !== undefined;
  const submit = (): void => {
    const { name, approval, maxDevices, labels, templateIds } = draft;
    const expiresAt = expiresAtOf(draft.expiry, Date.now()) ?? null;
    create.mutate({ name, approval, enabled: true, maxDevices, expiresAt, labels, templateIds });
  };
  return (
    <>
      <PageHeader
        title="Create provisioning token"
        description="A token lets devices enrol. At its end there is a command to run on them."
        breadcrumb={[{ label: "Provisioning tokens", to: list }]}
      />
      <PageSection isFilled hasBodyWrapper={false} padding={{ default: "noPadding" }}>
        <Wizard
          className="rciots-wizard"
          isVisitRequired
          navAriaLabel="Steps"
          onSave={submit}
          onClose={() => void navigate(list)}
        >
          <WizardStep id="name" name="Name and approval" footer={{ isNextDisabled: !isNamed }}>
            <StepForm>
              <NameFields value={draft} onChange={change} />
            </StepForm>
          </WizardStep>
          <WizardStep id="limits" name="Limits" isDisabled={!isNamed} footer={{ isNextDisabled: !hasExpiry }}>
            <StepForm>
              <ExpiryField expiry={draft.expiry} onChange={(expiry) => change({ expiry })} />
              <DeviceCapField
                maxDevices={draft.maxDevices}
                onChange={(maxDevices) => change({ maxDevices })}
              />
            </StepForm>
          </WizardStep>
          <WizardStep id="content" name="Labels and templates" isDisabled={!isNamed || !hasExpiry}>
            <StepForm>
              <LabelsField labels={draft.labels} onChange={(labels) => change({ labels })} />
              <TemplatesField
                chosen={draft.templateIds}
                onChange={(templateIds) => change({ templateIds })}
              />
            </StepForm>
          </WizardStep>
          <WizardStep
            id="review"
            name="Review"
            isDisabled={!isNamed || !hasExpiry}
            footer={{
              nextButtonText: "Create token",
              nextButtonProps: { isLoading: create.isPending },
              isNextDisabled: create.isPending,
            }}
          >
            <TokenReview draft={draft} />
            <ProblemAlert error={create.error} title="The token could not be created" />
          </WizardStep>
        </Wizard>
      </PageSection>
    </>
  );
}

function StepForm({ children }: { children: ReactNode }): ReactNode {
  return (
    <Form isWidthLimited onSubmit={(event) => event.preventDefault()}>
      {children}
    </Form>
  );
}
