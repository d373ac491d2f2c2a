import { Button, Flex, Label, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { useApi } from "../api/api-context.ts";
import { unwrap, type Schema } from "../api/client.ts";
import { ConfirmModal } from "../components/confirm-modal.tsx";
import { ErrorState } from "../components/error-state.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { TimeAgo } from "../components/time-ago.tsx";
import { useToasts } from "../components/toasts.ts";
import { describeUserAgent } from "./user-agent.ts";

type Session = Schema<"Session">;

/** Ends one session, or with null all others; what was ended leaves the list. */
function useEndSession(onEnded: () => void) {
  const api = useApi();
  const queries = useQueryClient();
  const toasts = useToasts();
  return useMutation({
    mutationFn: (session: Session | null) =>
      session === null
        ? unwrap(api.DELETE("/api/v1/me/sessions"))
        : unwrap(api.DELETE("/api/v1/me/sessions/{id}", { params: { path: { id: session.id } } })),
    async onSuccess(_nothing, session) {
      toasts.add({ title: session === null ? "All other sessions have ended" : "The session has ended" });
      onEnded();
      await queries.invalidateQueries({ queryKey: ["sessions"] });
    },
  });
}

function SessionRow({ session, onEnd }: { session: Session; onEnd: () => void }): ReactNode {
  const program = describeUserAgent(session.userAgent);
  return (
    <Tr>
      <Td dataLabel="Program">
        <Flex gap={{ default: "gapSm" }} alignItems={{ default: "alignItemsCenter" }}>
          <span title={session.userAgent ?? ""}>{program}</span>
          {session.isCurrent && <Label color="blue">this one</Label>}
        </Flex>
      </Td>
      <Td dataLabel="Address">{session.address ?? "unknown"}</Td>
      <Td dataLabel="Signed in">
        <TimeAgo at={session.createdAt} />
      </Td>
      <Td dataLabel="Last used">
        <TimeAgo at={session.lastUsedAt} never="unknown" />
      </Td>
      <Td modifier="fitContent">
        {!session.isCurrent && (
          <Button variant="link" isInline onClick={onEnd} aria-label={`End the session of ${program}`}>
            End
          </Button>
        )}
      </Td>
    </Tr>
  );
}

function SessionTable({
  sessions,
  onEnd,
}: {
  sessions: Session[];
  onEnd: (session: Session) => void;
}): ReactNode {
  return (
    <Table aria-label="Sessions" variant="compact">
      <Thead>
        <Tr>
          <Th>Program</Th>
          <Th>Address</Th>
          <Th>Signed in</Th>
          <Th modifier="nowrap">Last used</Th>
          <Th screenReaderText="Actions" />
        </Tr>
      </Thead>
      <Tbody>
        {sessions.map((session) => (
          <SessionRow key={session.id} session={session} onEnd={() => onEnd(session)} />
        ))}
      </Tbody>
    </Table>
  );
}

/** Where the person is signed in. */
export function SessionsTab(): ReactNode {
  const api = useApi();
  const [isAsking, setIsAsking] = useState(false);
  const end = useEndSession(() => setIsAsking(false));
  const toasts = useToasts();
  const sessions = useQuery({
    queryKey: ["sessions"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/me/sessions", { signal })),
  });
  if (sessions.isPending) return <PageLoading />;
  if (sessions.isError) return <ErrorState error={sessions.error} onRetry={() => void sessions.refetch()} />;
  const { items } = sessions.data;
  const endOne = (session: Session): void => {
    end.mutate(session, { onError: (error) => toasts.addError("The session could not be ended", error) });
  };
  return (
    <>
      <Toolbar>
        <ToolbarContent>
          <ToolbarItem>
            <Button variant="secondary" isDisabled={items.length < 2} onClick={() => setIsAsking(true)}>
              End all other sessions
            </Button>
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      <SessionTable sessions={items} onEnd={endOne} />
      {isAsking && (
        <ConfirmModal
          title="End all other sessions?"
          confirmLabel="End them"
          isPending={end.isPending}
          error={end.error}
          onConfirm={() => end.mutate(null)}
          onClose={() => setIsAsking(false)}
        >
          You stay signed in here, and nowhere else.
        </ConfirmModal>
      )}
    </>
  );
}
