import {
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { CredentialSelect } from "../git-credentials/credential-select.tsx";

export interface GitSettings {
  url: string;
  ref: string;
  path: string;
  credentialId: string | null;
  pollIntervalMs: number;
}

const minuteMs = 60_000;
const pauses: [number, string][] = [
  [minuteMs / 2, "Every 30 seconds"],
  [minuteMs, "Every minute"],
  [5 * minuteMs, "Every 5 minutes"],
  [15 * minuteMs, "Every 15 minutes"],
  [60 * minuteMs, "Every hour"],
  [24 * 60 * minuteMs, "Every day"],
];

/** How often a repository is looked at, in words. */
export function pauseText(ms: number): string {
  const known = pauses.find(([pauseMs]) => pauseMs === ms)?.[1];
  return known ?? `Every ${Math.round(ms / 1_000).toLocaleString()} seconds`;
}

function Hint({ children }: { children: ReactNode }): ReactNode {
  return (
    <FormHelperText>
      <HelperText>
        <HelperTextItem>{children}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );
}

/** Where in Git a template is, and how often it is looked at. */
export function GitFields(props: { git: GitSettings; onChange: (git: GitSettings) => void }): ReactNode {
  const { git, onChange } = props;
  const set = (part: Partial<GitSettings>): void => onChange({ ...git, ...part });
  const choices = pauses.some(([ms]) => ms === git.pollIntervalMs)
    ? pauses
    : [...pauses, [git.pollIntervalMs, pauseText(git.pollIntervalMs)] as [number, string]];
  return (
    <>
      <FormGroup label="Repository URL" fieldId="git-url" isRequired>
        <TextInput
          id="git-url"
          value={git.url}
          isRequired
          maxLength={2_048}
          autoComplete="off"
          spellCheck="false"
          onChange={(_event, url) => set({ url: url.trim() })}
        />
        <Hint>https://host/path.git or git@host:path.git, without a password</Hint>
      </FormGroup>
      <FormGroup label="Branch, tag or commit" fieldId="git-ref">
        <TextInput
          id="git-ref"
          value={git.ref}
          maxLength={255}
          autoComplete="off"
          spellCheck="false"
          onChange={(_event, ref) => set({ ref: ref.trim() })}
        />
        <Hint>Empty: the repository&apos;s default branch</Hint>
      </FormGroup>
      <FormGroup label="Folder" fieldId="git-path">
        <TextInput
          id="git-path"
          value={git.path}
          maxLength={512}
          autoComplete="off"
          spellCheck="false"
          onChange={(_event, path) => set({ path: path.trim() })}
        />
        <Hint>The one with the kustomization, such as overlays/production; empty: the top</Hint>
      </FormGroup>
      <FormGroup label="Credential" fieldId="git-credential">
        <CredentialSelect
          id="git-credential"
          value={git.credentialId}
          onChange={(credentialId) => set({ credentialId })}
        />
      </FormGroup>
      <FormGroup label="Look for changes" fieldId="git-pause">
        <FormSelect
          id="git-pause"
          value={git.pollIntervalMs}
          onChange={(_event, ms) => set({ pollIntervalMs: Number(ms) })}
        >
          {choices.map(([ms, label]) => (
            <FormSelectOption key={ms} value={ms} label={label} />
          ))}
        </FormSelect>
      </FormGroup>
    </>
  );
}
