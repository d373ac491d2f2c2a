import { ActionGroup, Button, Form, FormGroup } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { NewPasswordField } from "../components/new-password-field.tsx";
import { PasswordInput } from "../components/password-input.tsx";
import { passwordStrength } from "../components/password-strength.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { useToasts } from "../components/toasts.ts";
import { useSession } from "../session/session.ts";

const empty = { currentPassword: "", newPassword: "" };

export function PasswordTab(): ReactNode {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  const { account } = useSession();
  const [values, setValues] = useState(empty);
  const change = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/me/password", { body: values })),
    async onSuccess() {
      setValues(empty);
      toasts.add({ title: "Your password is changed", description: "Your other sessions have ended." });
      await queries.invalidateQueries({ queryKey: ["sessions"] });
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate();
  };
  const isReady = values.currentPassword !== "" && passwordStrength(values.newPassword).score > 0;
  return (
    <Form isWidthLimited onSubmit={submit}>
      <ProblemAlert error={change.error} title="The password could not be changed" />
      {/* For password managers: whose password it is. */}
      <input type="text" value={account.username} autoComplete="username" readOnly hidden />
      <FormGroup label="Current password" fieldId="current-password" isRequired>
        <PasswordInput
          id="current-password"
          value={values.currentPassword}
          autoComplete="current-password"
          onChange={(currentPassword) => setValues({ ...values, currentPassword })}
        />
      </FormGroup>
      <NewPasswordField
        id="new-password"
        label="New password"
        value={values.newPassword}
        own={[account.username, account.email.split("@")[0] ?? ""]}
        onChange={(newPassword) => setValues({ ...values, newPassword })}
      />
      <ActionGroup>
        <Button type="submit" isLoading={change.isPending} isDisabled={!isReady || change.isPending}>
          Change password
        </Button>
      </ActionGroup>
    </Form>
  );
}
