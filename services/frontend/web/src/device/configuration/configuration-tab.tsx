import {
  Button,
  Drawer,
  DrawerActions,
  DrawerCloseButton,
  DrawerContent,
  DrawerContentBody,
  DrawerHead,
  DrawerPanelBody,
  DrawerPanelContent,
  Stack,
  StackItem,
  Title,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useSearchParams } from "react-router";
import { useMay } from "../../session/session.ts";
import type { Device } from "../use-device.ts";
import { OverlayCard } from "./overlay-card.tsx";
import { Preview } from "./preview.tsx";
import { VariablesCard } from "./variables-card.tsx";

/** What makes this device differ from others of the same templates, and what comes of it. */
export function ConfigurationTab({ device }: { device: Device }): ReactNode {
  const [search, setSearch] = useSearchParams();
  const mayPreview = useMay("operator");
  const isOpen = mayPreview && search.get("preview") !== null;
  const close = (): void => setSearch({}, { replace: true });
  const panel = (
    <DrawerPanelContent isResizable defaultSize="50%" minSize="20rem">
      <DrawerHead>
        <Title headingLevel="h2" size="lg">
          Preview
        </Title>
        <DrawerActions>
          <DrawerCloseButton onClick={close} />
        </DrawerActions>
      </DrawerHead>
      <DrawerPanelBody>{isOpen && <Preview device={device} />}</DrawerPanelBody>
    </DrawerPanelContent>
  );
  return (
    <Drawer isExpanded={isOpen} isInline onExpand={() => undefined}>
      <DrawerContent panelContent={panel}>
        <DrawerContentBody>
          {mayPreview && (
            <Toolbar>
              <ToolbarContent>
                <ToolbarItem>
                  <Button
                    variant="secondary"
                    aria-expanded={isOpen}
                    onClick={() => (isOpen ? close() : setSearch({ preview: "" }, { replace: true }))}
                  >
                    {isOpen ? "Close preview" : "Preview what it would run"}
                  </Button>
                </ToolbarItem>
              </ToolbarContent>
            </Toolbar>
          )}
          <Stack hasGutter>
            <StackItem>
              <VariablesCard device={device} />
            </StackItem>
            <StackItem>
              <OverlayCard device={device} />
            </StackItem>
          </Stack>
        </DrawerContentBody>
      </DrawerContent>
    </Drawer>
  );
}
