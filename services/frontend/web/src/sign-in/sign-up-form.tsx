import { ActionGroup, Button, Form } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { NewPasswordField } from "../components/new-password-field.tsx";
import { passwordStrength } from "../components/password-strength.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";
import { TextField } from "../components/text-field.tsx";
import { emailFault, usernameFault } from "../session/names.ts";

interface SignUpFormProps {
  onMailed: (email: string) => void;
  onCreated: (login: { username: string; password: string }) => void;
}

const empty = { email: "", username: "", password: "", organizationName: "" };

function isComplete({ email, username, password }: typeof empty): boolean {
  return (
    emailFault(email) === null && usernameFault(username) === null && passwordStrength(password).score > 0
  );
}

export function SignUpForm({ onMailed, onCreated }: SignUpFormProps): ReactNode {
  const api = useApi();
  const [values, setValues] = useState(empty);
  const set = (change: Partial<typeof empty>): void => setValues({ ...values, ...change });
  const signUp = useMutation({
    mutationFn: () => {
      const { organizationName, email, ...rest } = values;
      const organization = organizationName.trim() === "" ? {} : { organizationName };
      return unwrap(api.POST("/api/v1/signup", { body: { ...rest, email: email.trim(), ...organization } }));
    },
    onSuccess({ created }) {
      const { username, password, email } = values;
      return created ? onCreated({ username, password }) : onMailed(email.trim());
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    signUp.mutate();
  };
  return (
    <Form onSubmit={submit}>
      <ProblemAlert error={signUp.error} title="The account could not be created" />
      <TextField
        id="email"
        label="E-mail address"
        type="email"
        value={values.email}
        autoComplete="email"
        faultOf={emailFault}
        autoFocus
        onChange={(email) => set({ email })}
      />
      <TextField
        id="username"
        label="User name"
        value={values.username}
        autoComplete="username"
        faultOf={usernameFault}
        onChange={(username) => set({ username })}
      />
      <NewPasswordField
        id="password"
        label="Password"
        value={values.password}
        own={[values.username, values.email.split("@")[0] ?? ""]}
        onChange={(password) => set({ password })}
      />
      <TextField
        id="organization"
        label="Organisation"
        value={values.organizationName}
        autoComplete="organization"
        isRequired={false}
        help="Created with your account, and you its owner. Leave it empty if somebody will invite you to theirs."
        onChange={(organizationName) => set({ organizationName })}
      />
      <ActionGroup>
        <Button
          type="submit"
          isBlock
          isLoading={signUp.isPending}
          isDisabled={!isComplete(values) || signUp.isPending}
        >
          Create account
        </Button>
      </ActionGroup>
    </Form>
  );
}
