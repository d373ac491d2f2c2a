import { ActionGroup, Alert, Button, Form, FormGroup, Label, LabelGroup } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { PasswordInput } from "../components/password-input.tsx";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { TextField } from "../components/text-field.tsx";
import { useToasts } from "../components/toasts.ts";
import { emailFault, usernameFault } from "../session/names.ts";
import { useSession } from "../session/session.ts";

function PendingEmail({ email }: { email: string }): ReactNode {
  return (
    <Alert variant="info" isInline title="Your new e-mail address waits for your confirmation">
      Open the link that was mailed to {email}. Until then the old address stays in force.
    </Alert>
  );
}

function Memberships(): ReactNode {
  const { account } = useSession();
  return (
    <FormGroup label="Organisations" role="group">
      {account.organizations.length === 0 ? (
        <span className="rciots-muted">none</span>
      ) : (
        <LabelGroup numLabels={10} aria-label="Organisations">
          {account.organizations.map(({ id, name, role }) => (
            <Label key={id}>
              {name}: {role}
            </Label>
          ))}
        </LabelGroup>
      )}
    </FormGroup>
  );
}

function useDetails() {
  const api = useApi();
  const toasts = useToasts();
  const { account, refresh } = useSession();
  const [username, setUsername] = useState(account.username);
  const [email, setEmail] = useState(account.email);
  const [password, setPassword] = useState("");
  const isEmailNew = email.trim().toLowerCase() !== account.email;
  const isNameNew = username !== account.username;
  const save = useMutation({
    mutationFn: () => {
      const names = isNameNew ? { username } : {};
      const address = isEmailNew ? { email: email.trim(), password } : {};
      return unwrap(api.PATCH("/api/v1/me", { body: { ...names, ...address } }));
    },
    async onSuccess({ pendingEmail }) {
      setPassword("");
      if (pendingEmail === null) toasts.add({ title: "Your profile is saved" });
      else toasts.add({ title: `A link is on its way to ${pendingEmail}`, variant: "info" });
      await refresh();
    },
  });
  const isFaulty =
    (isNameNew && usernameFault(username) !== null) ||
    (isEmailNew && (emailFault(email) !== null || password === ""));
  const canSave = (isNameNew || isEmailNew) && !isFaulty && !save.isPending;
  return {
    account,
    username,
    setUsername,
    email,
    setEmail,
    password,
    setPassword,
    isEmailNew,
    canSave,
    save,
  };
}

/** User name and e-mail address. */
export function DetailsTab(): ReactNode {
  const details = useDetails();
  const { account, save } = details;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Form isWidthLimited onSubmit={submit}>
      {account.pendingEmail !== null && <PendingEmail email={account.pendingEmail} />}
      <ProblemAlert error={save.error} title="Your profile could not be saved" />
      <TextField
        id="profile-username"
        label="User name"
        value={details.username}
        autoComplete="username"
        faultOf={usernameFault}
        onChange={details.setUsername}
      />
      <TextField
        id="profile-email"
        label="E-mail address"
        type="email"
        value={details.email}
        autoComplete="email"
        faultOf={emailFault}
        onChange={details.setEmail}
      />
      {details.isEmailNew && (
        <FormGroup label="Password, to change the address" fieldId="profile-password" isRequired>
          <PasswordInput
            id="profile-password"
            value={details.password}
            autoComplete="current-password"
            onChange={details.setPassword}
          />
        </FormGroup>
      )}
      <Memberships />
      <ActionGroup>
        <Button type="submit" isLoading={save.isPending} isDisabled={!details.canSave}>
          Save
        </Button>
      </ActionGroup>
    </Form>
  );
}
