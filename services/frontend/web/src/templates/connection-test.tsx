import { Alert, Button } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap } from "../api/client.ts";
import { ProblemAlert } from "../components/problem-alert.tsx";
import type { GitSettings } from "./git-fields.tsx";
import { shortCommit } from "./sync-status.tsx";

/** Asks the repository whether it answers and has the ref, and says so. */
export function ConnectionTest({ git }: { git: GitSettings }): ReactNode {
  const api = useApi();
  const { url, ref, credentialId } = git;
  const { mutate, reset, data, error, isPending } = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/templates/test-git", { body: { url, ref, credentialId } })),
  });
  // An answer about other settings would mislead.
  useEffect(() => reset(), [reset, url, ref, credentialId]);
  return (
    <div className="rciots-stack">
      <Button
        variant="secondary"
        isDisabled={url === "" || isPending}
        isLoading={isPending}
        onClick={() => mutate()}
      >
        Test connection
      </Button>
      {data !== undefined && (
        <Alert
          variant="success"
          isInline
          title={`The repository answers; ${data.ref ?? "it"} is at commit ${shortCommit(data.commit)}`}
        />
      )}
      <ProblemAlert error={error} title="The repository can't be read" />
    </div>
  );
}
