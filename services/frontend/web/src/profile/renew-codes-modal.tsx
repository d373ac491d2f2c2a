import { Button, Content, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useId, useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { isProof, noProof, ProofForm } from "./proof-form.tsx";
import { RecoveryCodes } from "./recovery-codes.tsx";
import { useSecondFactorChange } from "./use-second-factor-change.ts";

export function RenewCodesModal({ onClose }: { onClose: () => void }): ReactNode {
  const api = useApi();
  const [proof, setProof] = useState(noProof);
  const [titleId, formId] = [useId(), useId()];
  const renew = useSecondFactorChange(() =>
    unwrap(api.POST("/api/v1/me/second-factor/recovery-codes", { body: proof })),
  );
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title="New recovery codes" labelId={titleId} />
      <ModalBody>
        {renew.data !== undefined ? (
          <RecoveryCodes codes={renew.data.recoveryCodes} />
        ) : (
          <>
            <Content component="p">
              Ten new codes take the place of the old ones, which are worthless then.
            </Content>
            <ProofForm
              id={formId}
              proof={proof}
              onChange={setProof}
              onSubmit={() => renew.mutate(undefined)}
            />
            <ProblemAlert error={renew.error} title="It was refused" />
          </>
        )}
      </ModalBody>
      <ModalFooter>
        {renew.data !== undefined ? (
          <Button onClick={onClose}>I have kept them</Button>
        ) : (
          <>
            <Button
              type="submit"
              form={formId}
              isLoading={renew.isPending}
              isDisabled={!isProof(proof) || renew.isPending}
            >
              Make new codes
            </Button>
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
          </>
        )}
      </ModalFooter>
    </Modal>
  );
}
