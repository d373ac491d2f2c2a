import { FormSelect, FormSelectOption, FormSelectOptionGroup } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { podKey, type Pod } from "./use-pods.ts";

interface PodSelectProps {
  id: string;
  pods: readonly Pod[];
  value: string;
  onChange: (key: string) => void;
  isDisabled?: boolean;
  /** Stands first, for what is no pod. */
  children?: ReactNode;
}

interface Group {
  label: string;
  pods: Pod[];
}

/** What the platform has the device run comes first, by what made it; everything else after that. */
function groupsOf(pods: readonly Pod[]): Group[] {
  const groups = new Map<string, Group>();
  const order = [...pods].sort((a, b) => Number(b.applied) - Number(a.applied));
  for (const pod of order) {
    const owner = pod.owner === undefined ? "Pods by themselves" : `${pod.owner.kind} ${pod.owner.name}`;
    const label = pod.applied ? `${owner} · ${pod.namespace}` : `Not from the platform · ${pod.namespace}`;
    const group = groups.get(label) ?? { label, pods: [] };
    group.pods.push(pod);
    groups.set(label, group);
  }
  return [...groups.values()];
}

export function PodSelect({
  id,
  pods,
  value,
  onChange,
  isDisabled = false,
  children,
}: PodSelectProps): ReactNode {
  return (
    <FormSelect
      id={id}
      value={value}
      isDisabled={isDisabled}
      aria-label="Pod"
      onChange={(_event, key) => onChange(key)}
    >
      {children}
      {groupsOf(pods).map(({ label, pods: inside }) => (
        <FormSelectOptionGroup key={label} label={label}>
          {inside.map((pod) => (
            <FormSelectOption
              key={podKey(pod)}
              value={podKey(pod)}
              label={pod.phase === "Running" ? pod.name : `${pod.name} (${pod.phase})`}
            />
          ))}
        </FormSelectOptionGroup>
      ))}
    </FormSelect>
  );
}

/** Nothing to choose where there is one. */
export function ContainerSelect(props: {
  id: string;
  pod: Pod | undefined;
  value: string;
  onChange: (container: string) => void;
}): ReactNode {
  const { id, pod, value, onChange } = props;
  if (pod === undefined || pod.containers.length < 2) return null;
  return (
    <FormSelect id={id} value={value} aria-label="Container" onChange={(_event, name) => onChange(name)}>
      {pod.containers.map(({ name, state }) => (
        <FormSelectOption key={name} value={name} label={state === "running" ? name : `${name} (${state})`} />
      ))}
    </FormSelect>
  );
}
