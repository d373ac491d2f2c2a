import {
  Button,
  Drawer,
  DrawerContent,
  DrawerContentBody,
  EmptyState,
  EmptyStateActions,
  EmptyStateBody,
  EmptyStateFooter,
  PageSection,
  ToolbarItem,
} from "@patternfly/react-core";
import { KeyIcon } from "@patternfly/react-icons/dist/esm/icons/key-icon";
import { SearchIcon } from "@patternfly/react-icons/dist/esm/icons/search-icon";
import { useState, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { ErrorState } from "../components/error-state.tsx";
import { PageHeader } from "../components/page-header.tsx";
import { PageLoading } from "../components/page-loading.tsx";
import { useNow } from "../components/use-now.ts";
import { useMay } from "../session/session.ts";
import { ActionsMenu } from "./actions-menu.tsx";
import { isMatch, type Token } from "./token.ts";
import { TokenDrawer } from "./token-drawer.tsx";
import { TokensTable } from "./tokens-table.tsx";
import { TokensToolbar } from "./tokens-toolbar.tsx";
import { useBulkTokens } from "./use-bulk-tokens.tsx";
import { useTokenActions } from "./use-token-actions.tsx";
import { useTokens } from "./use-tokens.ts";
import { useTokensView } from "./use-tokens-view.ts";

export function TokensPage(): ReactNode {
  const tokens = useTokens();
  const { openId, open } = useTokensView();
  const mayChange = useMay("operator");
  const { actionsOf, dialog } = useTokenActions((id) => id === openId && open(null));
  const allowed = mayChange ? actionsOf : undefined;
  const panel =
    openId === null ? null : (
      <TokenDrawer key={openId} id={openId} actionsOf={allowed} onClose={() => open(null)} />
    );
  return (
    <Drawer isExpanded={openId !== null} className="rciots-tokens-drawer">
      <DrawerContent panelContent={panel}>
        <DrawerContentBody>
          <PageHeader
            title="Provisioning tokens"
            description="Each lets devices enrol, within its limits, by one command."
            actions={mayChange && <CreateButton />}
          />
          <PageSection>
            {tokens.isPending && <PageLoading />}
            {tokens.isError && <ErrorState error={tokens.error} onRetry={() => void tokens.refetch()} />}
            {tokens.data?.length === 0 && <NoTokens />}
            {tokens.data && tokens.data.length > 0 && <TokenList tokens={tokens.data} actionsOf={allowed} />}
          </PageSection>
        </DrawerContentBody>
      </DrawerContent>
      {dialog}
    </Drawer>
  );
}

const pageSize = 20;

interface TokenListProps {
  tokens: readonly Token[];
  actionsOf: ReturnType<typeof useTokenActions>["actionsOf"] | undefined;
}

function TokenList({ tokens, actionsOf }: TokenListProps): ReactNode {
  const { filter, setFilter, page, setPage, openId, open } = useTokensView();
  const now = useNow();
  const found = tokens.filter((token) => isMatch(token, filter, now));
  const last = Math.max(1, Math.ceil(found.length / pageSize));
  const number = Math.min(page, last);
  const shown = found.slice((number - 1) * pageSize, number * pageSize);
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  // What is filtered out of sight is not acted on.
  const chosen = found.filter(({ id }) => ticked.has(id));
  const bulk = useBulkTokens(chosen, () => setTicked(new Set()));
  const choose = (ids: readonly string[], isChosen: boolean): void =>
    setTicked((before) => {
      const others = [...before].filter((id) => !ids.includes(id));
      return new Set(isChosen ? [...others, ...ids] : others);
    });
  return (
    <>
      <TokensToolbar
        filter={filter}
        onFilter={setFilter}
        page={{ number, size: pageSize, count: found.length, onPage: setPage }}
      >
        {actionsOf !== undefined && (
          <ToolbarItem>
            <ActionsMenu
              actions={bulk.actions}
              isDisabled={chosen.length === 0}
              label={chosen.length === 0 ? "Actions" : `Actions for ${chosen.length}`}
            />
          </ToolbarItem>
        )}
      </TokensToolbar>
      {bulk.dialog}
      {found.length === 0 ? (
        <EmptyState titleText="No token is like this" headingLevel="h2" icon={SearchIcon}>
          <EmptyStateFooter>
            <EmptyStateActions>
              <Button variant="link" onClick={() => setFilter({ q: "", states: [] })}>
                Clear filters
              </Button>
            </EmptyStateActions>
          </EmptyStateFooter>
        </EmptyState>
      ) : (
        <TokensTable
          tokens={shown}
          openId={openId}
          onOpen={open}
          actionsOf={actionsOf}
          chosen={ticked}
          onChoose={choose}
        />
      )}
    </>
  );
}

function CreateButton(): ReactNode {
  const navigate = useNavigate();
  return <Button onClick={() => void navigate("/provisioning-tokens/create")}>Create token</Button>;
}

function NoTokens(): ReactNode {
  const mayCreate = useMay("operator");
  return (
    <EmptyState titleText="Connect your first device" headingLevel="h2" icon={KeyIcon}>
      <EmptyStateBody>
        {mayCreate
          ? "Create a provisioning token, and run the command that comes with it on the device or its cluster."
          : "Devices enrol with a provisioning token. Somebody with the role operator can create one."}
      </EmptyStateBody>
      {mayCreate && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <CreateButton />
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}
