import {
  Button,
  ClipboardCopy,
  Content,
  Form,
  FormGroup,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
} from "@patternfly/react-core";
import { useId, useState, type FormEvent, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { PasswordInput } from "../components/password-input.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { TextField } from "../components/text-field.tsx";
import { QrCode } from "./qr-code.tsx";
import { RecoveryCodes } from "./recovery-codes.tsx";
import { useSecondFactorChange } from "./use-second-factor-change.ts";

/** The secret in fours, as people type it. */
const spaced = (secret: string): string => secret.match(/.{1,4}/g)?.join(" ") ?? secret;

function ScanStep(props: {
  secret: string;
  uri: string;
  code: string;
  onChange: (code: string) => void;
}): ReactNode {
  return (
    <>
      <Content component="p">
        Scan this with your authenticator app, then type the code that it shows.
      </Content>
      <QrCode text={props.uri} label="QR code for your authenticator app" />
      <FormGroup label="Or type this key into the app" fieldId="second-factor-key">
        <ClipboardCopy id="second-factor-key" isReadOnly isCode hoverTip="Copy" clickTip="Copied">
          {spaced(props.secret)}
        </ClipboardCopy>
      </FormGroup>
      <TextField
        id="second-factor-code"
        label="Code"
        value={props.code}
        autoComplete="one-time-code"
        inputMode="numeric"
        autoFocus
        onChange={props.onChange}
      />
    </>
  );
}

function useEnrolment() {
  const api = useApi();
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const begin = useSecondFactorChange(() =>
    unwrap(api.POST("/api/v1/me/second-factor", { body: { password } })),
  );
  const confirm = useSecondFactorChange(() =>
    unwrap(api.POST("/api/v1/me/second-factor/confirm", { body: { code: code.trim() } })),
  );
  const step = confirm.data !== undefined ? "codes" : begin.data !== undefined ? "scan" : "password";
  return { password, setPassword, code, setCode, begin, confirm, step } as const;
}

/** Password, then the app, then the recovery codes. */
export function EnrolModal({ onClose }: { onClose: () => void }): ReactNode {
  const { password, setPassword, code, setCode, begin, confirm, step } = useEnrolment();
  const [titleId, formId] = [useId(), useId()];
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (step === "password") begin.mutate(undefined);
    else confirm.mutate(undefined);
  };
  const isPending = begin.isPending || confirm.isPending;
  const isReady = step === "password" ? password !== "" : code.trim().length >= 6;
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby={titleId}>
      <ModalHeader title="Set up a second factor" labelId={titleId} />
      <ModalBody>
        {confirm.data !== undefined ? (
          <RecoveryCodes codes={confirm.data.recoveryCodes} />
        ) : (
          <Form id={formId} onSubmit={submit}>
            {begin.data === undefined ? (
              <FormGroup label="Your password, first" fieldId="second-factor-password" isRequired>
                <PasswordInput
                  id="second-factor-password"
                  value={password}
                  autoComplete="current-password"
                  autoFocus
                  onChange={setPassword}
                />
              </FormGroup>
            ) : (
              <ScanStep {...begin.data} code={code} onChange={setCode} />
            )}
            <ProblemAlert error={confirm.error ?? begin.error} title="It was refused" />
          </Form>
        )}
      </ModalBody>
      <ModalFooter>
        {step === "codes" ? (
          <Button onClick={onClose}>I have kept them</Button>
        ) : (
          <>
            <Button type="submit" form={formId} isLoading={isPending} isDisabled={!isReady || isPending}>
              {step === "password" ? "Continue" : "Turn on"}
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
