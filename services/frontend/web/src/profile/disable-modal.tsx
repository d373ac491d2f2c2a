import { Button, Content, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useId, useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useToasts } from "../components/toasts.ts";
import { isProof, noProof, ProofForm } from "./proof-form.tsx";
import { useSecondFactorChange } from "./use-second-factor-change.ts";

export function DisableModal({ onClose }: { onClose: () => void }): ReactNode {
  const api = useApi();
  const toasts = useToasts();
  const [proof, setProof] = useState(noProof);
  const [titleId, formId] = [useId(), useId()];
  const disable = useSecondFactorChange(() =>
    unwrap(api.POST("/api/v1/me/second-factor/disable", { body: proof })),
  );
  const submit = (): void => {
    disable.mutate(undefined, {
      onSuccess() {
        toasts.add({ title: "The second factor is off" });
        onClose();
      },
    });
  };
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title="Turn the second factor off?" labelId={titleId} titleIconVariant="warning" />
      <ModalBody>
        <Content component="p">
          Your password alone will sign you in, and your recovery codes are worthless.
        </Content>
        <ProofForm id={formId} proof={proof} onChange={setProof} onSubmit={submit} />
        <ProblemAlert error={disable.error} title="It was refused" />
      </ModalBody>
      <ModalFooter>
        <Button
          variant="danger"
          type="submit"
          form={formId}
          isLoading={disable.isPending}
          isDisabled={!isProof(proof) || disable.isPending}
        >
          Turn off
        </Button>
        <Button variant="link" onClick={onClose}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  );
}
