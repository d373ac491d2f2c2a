/** A Kubernetes object as it stands in a manifest. */
export interface ManifestObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  [field: string]: unknown;
}

export interface TemplateParameter {
  name: string;
  value?: string;
  required?: boolean;
}

/** `template.openshift.io/v1`, as far as ours goes: parameters are text, and stand as `${name}` inside text. */
export interface OpenshiftTemplate {
  parameters: TemplateParameter[];
  objects: ManifestObject[];
}

/** The objects with the parameters put in, as `oc process` does it; those that are not given have their defaults. */
export function processTemplate(
  template: OpenshiftTemplate,
  given: Readonly<Record<string, string>>,
): ManifestObject[] {
  const defaults = template.parameters.map(({ name, value = "" }) => [name, value] as const);
  const values = new Map([...defaults, ...Object.entries(given)]);
  const fill = (text: string): string =>
    text.replace(/\$\{(\w+)\}/g, (all, name: string) => values.get(name) ?? all);
  return template.objects.map((object) => mapTexts(object, fill) as ManifestObject);
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)]));
}

/** The same template with other defaults. */
export function withDefaults<Template extends OpenshiftTemplate>(
  template: Template,
  defaults: Readonly<Record<string, string>>,
): Template {
  const parameters = template.parameters.map((parameter) =>
    defaults[parameter.name] === undefined ? parameter : { ...parameter, value: defaults[parameter.name] },
  );
  return { ...template, parameters };
}
