import { isDeepStrictEqual } from "node:util";
import { Document, isMap, isSeq, parseDocument, type YAMLMap } from "yaml";
import { CommandError } from "../command.ts";

/** What a kubeconfig gets for a device. */
export interface Entry {
  /** Of the context, and of its cluster. */
  name: string;
  server: string;
  /** PEM; absent: the system's roots do. */
  authority?: string | undefined;
  /** Absent: the one that is there already, or none. */
  namespace?: string | undefined;
  user: { name: string; exec: object };
}

type Section = "clusters" | "users" | "contexts";

function parse(text: string): Document {
  if (text.trim() === "") return new Document({ apiVersion: "v1", kind: "Config" });
  const document = parseDocument(text);
  const [fault] = document.errors;
  if (fault !== undefined || !isMap(document.contents))
    throw new CommandError(`It is no kubeconfig, and was left as it is: ${fault?.message ?? "not a map"}`);
  return document;
}

/** The list of a section, made where there is none; kubectl writes `null` for an empty one. */
function listOf(document: Document, section: Section): YAMLMap[] {
  const found = document.get(section);
  if (found === undefined || found === null) {
    document.set(section, document.createNode([]));
    return [];
  }
  if (!isSeq(found) || !found.items.every((item) => isMap(item)))
    throw new CommandError(`Its ${section} are no list, and it was left as it is.`);
  // What is added to an empty `[]` would stand within the brackets.
  if (found.items.length === 0) found.flow = false;
  return found.items;
}

const named = (document: Document, section: Section, name: string): YAMLMap | undefined =>
  listOf(document, section).find((item) => item.get("name") === name);

/** Sets fields of an entry, and leaves what else is in it, comments included. */
function put(document: Document, at: [Section, string], key: string, fields: Record<string, unknown>): void {
  const [section, name] = at;
  const found = named(document, section, name);
  if (found === undefined) {
    const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
    document.addIn([section], document.createNode({ name, [key]: given }));
    return;
  }
  if (!isMap(found.get(key))) found.set(key, document.createNode({}));
  for (const [field, value] of Object.entries(fields)) {
    if (isDeepStrictEqual(found.getIn([key, field]), value)) continue;
    if (value === undefined) found.deleteIn([key, field]);
    else found.setIn([key, field], document.createNode(value));
  }
}

/** Whether what is there under the name was made for a device of the same platform. */
function requireOurs(document: Document, { name, server }: Entry): void {
  const platform = server.slice(0, server.lastIndexOf("/devices/"));
  const leadsHere = (cluster: unknown): boolean => {
    const at = named(document, "clusters", String(cluster))?.getIn(["cluster", "server"]);
    return typeof at === "string" && at.startsWith(`${platform}/devices/`);
  };
  const context = named(document, "contexts", name);
  const isFree = context === undefined || leadsHere(context.getIn(["context", "cluster"]));
  const isClusterFree = named(document, "clusters", name) === undefined || leadsHere(name);
  if (isFree && isClusterFree) return;
  throw new CommandError(
    `${JSON.stringify(name)} is something else there already; name the context by --context.`,
  );
}

/** The kubeconfig with the entry in it; all else stays as it is. Throws CommandErrors. */
export function mergeEntry(text: string, entry: Entry): string {
  const document = parse(text);
  const { name, server, authority, namespace, user } = entry;
  requireOurs(document, entry);
  const data = authority === undefined ? undefined : Buffer.from(authority, "utf8").toString("base64");
  put(document, ["clusters", name], "cluster", { server, "certificate-authority-data": data });
  put(document, ["users", user.name], "user", { exec: user.exec });
  const kept = named(document, "contexts", name)?.getIn(["context", "namespace"]);
  put(document, ["contexts", name], "context", {
    cluster: name,
    user: user.name,
    namespace: namespace ?? kept,
  });
  const current = document.get("current-context");
  if (current === undefined || current === null || current === "") document.set("current-context", name);
  return document.toString({ lineWidth: 0 });
}
