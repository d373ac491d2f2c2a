import {
  Alert,
  Button,
  ClipboardCopy,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ChoiceField } from "../components/choice-field.tsx";
import { FormModal } from "../components/form-modal.tsx";
import { useSession, type Role } from "../session/session.ts";
import { rolesUpTo } from "./roles.ts";

export interface Offered {
  email: string;
  /** Null where it was mailed. */
  link: string | null;
}

interface InviteModalProps {
  onOffered: (offered: Offered) => void;
  onClose: () => void;
}

export function InviteModal({ onOffered, onClose }: InviteModalProps): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const { account } = useSession();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const invite = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/invitations", { body: { email: email.trim(), role } })),
    async onSuccess(offer) {
      onClose();
      onOffered(offer);
      await queries.invalidateQueries({ queryKey: ["invitations"] });
    },
  });
  return (
    <FormModal
      title="Invite somebody"
      description="The link is good for seven days, and only for the account of this e-mail address."
      submitLabel="Invite"
      isReady={email.includes("@")}
      isPending={invite.isPending}
      error={invite.error}
      onSubmit={() => invite.mutate()}
      onClose={onClose}
    >
      <FormGroup label="E-mail address" fieldId="invite-email" isRequired>
        <TextInput
          id="invite-email"
          type="email"
          value={email}
          maxLength={254}
          autoComplete="off"
          autoFocus
          isRequired
          onChange={(_event, value) => setEmail(value)}
        />
      </FormGroup>
      <FormGroup label="Role" fieldId="invite-role">
        <ChoiceField id="invite-role" value={role} choices={rolesUpTo(account.role)} onChange={setRole} />
      </FormGroup>
    </FormModal>
  );
}

/** The link, where no mail took it along. It can't be shown again. */
export function LinkModal({
  email,
  link,
  onClose,
}: Offered & { link: string; onClose: () => void }): ReactNode {
  const titleId = useId();
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title={`Hand this link to ${email}`} labelId={titleId} />
      <ModalBody>
        <p>
          This platform sends no mail. Whoever opens the link first can make the account, so pass it on
          safely.
        </p>
        <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied" textAriaLabel="Invitation link">
          {new URL(link, location.origin).href}
        </ClipboardCopy>
        <Alert
          variant="info"
          isInline
          isPlain
          title="It is shown this once. You can make a new one any time."
        />
      </ModalBody>
      <ModalFooter>
        <Button onClick={onClose}>Done</Button>
      </ModalFooter>
    </Modal>
  );
}
