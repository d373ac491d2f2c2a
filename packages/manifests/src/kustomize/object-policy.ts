import { quoted, type Fault } from "../manifest-fault.ts";
import { isRecord, listOf, type PlainRecord } from "../yaml/records.ts";
import type { YamlDocument } from "../yaml/yaml-stream.ts";

/** Annotations that make a tool run a program or container for an object. */
const functionAnnotations = ["config.kubernetes.io/function", "config.k8s.io/function"];

/** Kustomize's own transformers and generators, without those that start a program. */
const builtinPlugins = new Set([
  "AnnotationsTransformer",
  "ConfigMapGenerator",
  "HashTransformer",
  "IAMPolicyGenerator",
  "ImageTagTransformer",
  "LabelTransformer",
  "NamespaceTransformer",
  "PatchJson6902Transformer",
  "PatchStrategicMergeTransformer",
  "PatchTransformer",
  "PrefixSuffixTransformer",
  "PrefixTransformer",
  "ReplacementTransformer",
  "ReplicaCountTransformer",
  "SecretGenerator",
  "SuffixTransformer",
  "ValueAddTransformer",
]);

/** What is wrong with a document of a resource file; lists are looked into. */
export function objectFaults(document: YamlDocument): Fault[] {
  return valueFaults(document.value, [], document);
}

function valueFaults(value: unknown, at: (string | number)[], document: YamlDocument): Fault[] {
  const refuse = (code: string, reason: string): Fault[] => [fault(code, reason, at, document)];
  if (!isRecord(value)) return refuse("object_invalid", "a document must be an object (a mapping)");
  for (const field of ["apiVersion", "kind"]) {
    if (typeof value[field] !== "string" || value[field] === "")
      return refuse("object_invalid", `${describe(value)} has no ${field}`);
  }
  const functions = functionFaults(value, at, document);
  if (functions.length > 0) return functions;
  if (isList(value))
    return listOf(value["items"]).flatMap((item, index) =>
      valueFaults(item, [...at, "items", index], document),
    );
  const name = isRecord(value["metadata"]) ? value["metadata"]["name"] : undefined;
  return typeof name === "string" && name !== ""
    ? []
    : refuse("object_invalid", `${describe(value)} has no metadata.name`);
}

/** What is wrong with the configuration of a generator, transformer or validator. */
export function pluginFaults(document: YamlDocument): Fault[] {
  const { value } = document;
  if (!isRecord(value))
    return [fault("object_invalid", "a document must be an object (a mapping)", [], document)];
  const functions = functionFaults(value, [], document);
  if (functions.length > 0) return functions;
  const kind = typeof value["kind"] === "string" ? value["kind"] : "";
  if (value["apiVersion"] === "builtin" && builtinPlugins.has(kind)) return [];
  if (kind === "HelmChartInflationGenerator") {
    return [
      fault(
        "helm_not_allowed",
        "Helm charts are not rendered here; render them first and add the result",
        ["kind"],
        document,
      ),
    ];
  }
  const reason = `${describe(value)} is a plugin; only kustomize's built-in ones (apiVersion: builtin) may run`;
  return [fault("plugin_not_allowed", reason, ["kind"], document)];
}

function functionFaults(
  value: PlainRecord,
  at: readonly (string | number)[],
  document: YamlDocument,
): Fault[] {
  const metadata = value["metadata"];
  const annotations = isRecord(metadata) ? metadata["annotations"] : undefined;
  if (!isRecord(annotations)) return [];
  return functionAnnotations
    .filter((name) => Object.hasOwn(annotations, name))
    .map((name) => ({
      ...fault(
        "function_not_allowed",
        `${describe(value)} asks for a function to be run (${name})`,
        [...at, "metadata", "annotations", name],
        document,
      ),
      entry: name,
    }));
}

/** A list in kustomize's sense: a kind that ends in List, with items. */
export function isList(value: PlainRecord): boolean {
  return typeof value["kind"] === "string" && value["kind"].endsWith("List") && Array.isArray(value["items"]);
}

function fault(
  code: string,
  reason: string,
  at: readonly (string | number)[],
  { file, lineOf }: YamlDocument,
): Fault {
  const line = lineOf(at);
  return { code, file, line, message: `${quoted(file)}, line ${line}: ${reason}.` };
}

/** `Deployment "web"` as far as it is known. */
function describe(value: PlainRecord): string {
  const kind = typeof value["kind"] === "string" && value["kind"] !== "" ? value["kind"] : "the object";
  const name = isRecord(value["metadata"]) ? value["metadata"]["name"] : undefined;
  return typeof name === "string" && name !== "" ? `${kind} ${quoted(name, 60)}` : kind;
}
