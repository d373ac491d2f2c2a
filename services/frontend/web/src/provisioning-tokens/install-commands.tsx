import {
  ClipboardCopyButton,
  CodeBlock,
  CodeBlockAction,
  CodeBlockCode,
  Content,
  Switch,
  Tab,
  Tabs,
  TabTitleText,
} from "@patternfly/react-core";
import { useEffect, useId, useState, type ReactNode } from "react";
import { useSearchParams } from "react-router";
import type { Install } from "./token.ts";

const ways = [
  { key: "openshift", title: "OpenShift" },
  { key: "kubectl", title: "kubectl" },
  { key: "helm", title: "Helm" },
  { key: "host", title: "Host" },
] as const;
type Way = (typeof ways)[number]["key"];

const about: Record<Way, string> = {
  openshift: "Run this where oc is logged in to the device's MicroShift or OpenShift.",
  kubectl: "Run this where kubectl reaches the device's cluster.",
  helm: "Run this where Helm reaches the device's cluster. It installs, and upgrades later.",
  host: "Run this on the device itself. The agent finds a cluster by KUBECONFIG or in the usual places.",
};

const isWay = (text: string | null): text is Way => ways.some(({ key }) => key === text);

interface InstallCommandsProps {
  install: Install;
  /** Whether the commands hold the token itself; else they expect it in a variable. */
  hasToken: boolean;
}

/** The commands that put the agent on a device, each to be copied whole. */
export function InstallCommands({ install, hasToken }: InstallCommandsProps): ReactNode {
  const [search, setSearch] = useSearchParams();
  const [isAdmin, setAdmin] = useState(false);
  const switchId = useId();
  const asked = search.get("install");
  const way = isWay(asked) ? asked : "openshift";
  const choose = (key: string | number): void =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        next.set("install", String(key));
        return next;
      },
      { replace: true },
    );
  return (
    <>
      <Tabs activeKey={way} aria-label="Where to install the agent" onSelect={(_event, key) => choose(key)}>
        {ways.map(({ key, title }) => (
          <Tab key={key} eventKey={key} title={<TabTitleText>{title}</TabTitleText>}>
            <div className="rciots-tab-content">
              <Content component="p">{about[key]}</Content>
              {!hasToken && (
                <Content component="p">
                  The token is shown only when it is created: put it into <code>RCIOTS_TOKEN</code> first.
                </Content>
              )}
              <Command
                title={title}
                text={key === "host" ? install.host : (isAdmin ? install.clusterAdmin : install)[key]}
              />
              {key !== "host" && (
                <>
                  <Switch
                    id={`${switchId}-${key}`}
                    label="Let the agent manage the whole cluster (cluster-admin)"
                    isChecked={isAdmin}
                    onChange={(_event, checked) => setAdmin(checked)}
                  />
                  <Content component="small">
                    {isAdmin
                      ? "Templates may bring namespaces, custom resource definitions and cluster roles along."
                      : "The agent manages what is in the namespace rciots-workloads, and nothing else."}
                  </Content>
                </>
              )}
            </div>
          </Tab>
        ))}
      </Tabs>
    </>
  );
}

const copiedForMs = 2_000;

function Command({ title, text }: { title: string; text: string }): ReactNode {
  const [isCopied, setCopied] = useState(false);
  const id = useId();
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setCopied(false), copiedForMs);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(() => setCopied(true));
  };
  return (
    <CodeBlock
      actions={
        <CodeBlockAction>
          <ClipboardCopyButton
            id={`${id}-copy`}
            textId={id}
            aria-label={`Copy the command for ${title}`}
            variant="plain"
            onClick={copy}
          >
            {isCopied ? "Copied" : "Copy"}
          </ClipboardCopyButton>
        </CodeBlockAction>
      }
    >
      <CodeBlockCode id={id}>{text}</CodeBlockCode>
    </CodeBlock>
  );
}
