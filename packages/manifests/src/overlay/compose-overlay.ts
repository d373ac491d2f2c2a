import { joinPath, parentFolder, pathFault } from "../files/file-path.ts";
import {
  defaultFileLimits,
  kustomizationNames,
  type FileLimits,
  type ManifestFile,
} from "../files/manifest-file.ts";
import { findKustomizations, validateManifestFiles } from "../files/validate-files.ts";
import { quoted, throwFaults, type Fault } from "../manifest-fault.ts";

export interface OverlayBase {
  /** The template's name; becomes the folder `base-<name>`. Lower-case letters, digits and hyphens. */
  name: string;
  files: readonly ManifestFile[];
  /** The folder of the template that holds its kustomization; default the top. */
  root?: string;
}

export interface ComposeOverlayOptions {
  bases: readonly OverlayBase[];
  /** A device's own files; they may bring a kustomization or leave it to be generated. */
  overlay: { files: readonly ManifestFile[]; root?: string };
  /** For base and overlay files together. */
  limits?: Partial<FileLimits>;
}

export interface ComposedFiles {
  files: ManifestFile[];
  /** What to give to `render`. */
  root: string;
}

/** Where the overlay's files are put, beside the `base-<name>` folders. */
const overlayFolder = "overlay";
const patchFolder = "patches";

/**
 * Lays out templates and a device's overlay for one build:
 *
 *     base-<name>/...     a template; when its root is a folder within it, its files are in
 *                         source-<name>/ and base-<name> names that folder
 *     overlay/...         the device's files; their kustomization refers to ../base-<name>
 *
 * Without a kustomization at the overlay's root one is generated there: its resources are all
 * bases in order, then every YAML file of the overlay and every folder that has a kustomization
 * (as a component when it is one); YAML files under `patches/` are applied as patches. Throws
 * AppError for bad names, files or limits.
 */
export function composeOverlay({ bases, overlay, limits }: ComposeOverlayOptions): ComposedFiles {
  throwFaults(nameFaults(bases));
  const overlayRoot = overlay.root ?? "";
  const overlayFiles = validateManifestFiles(overlay.files, {
    root: null,
    ...(limits === undefined ? {} : { limits }),
  });
  const rootFault = overlayRoot === "" ? null : pathFault(overlayRoot, defaultFileLimits.maxPathBytes);
  if (rootFault !== null)
    throwFaults([{ code: "invalid_path", message: `Folder ${quoted(overlayRoot)}: ${rootFault}.` }]);
  const found = findKustomizations(overlayFiles, overlayRoot);
  if (found.length === 0) overlayFiles.push(generateKustomization(overlayFiles, overlayRoot, bases));
  const files = [...bases.flatMap(layOutBase), ...overlayFiles.map((file) => moved(file, overlayFolder))];
  const root = joinPath(overlayFolder, overlayRoot);
  // The layout's own folder names are on top of what an operator may use for a path.
  const bounds = { ...limits, maxPathBytes: (limits?.maxPathBytes ?? defaultFileLimits.maxPathBytes) + 80 };
  return { files: validateManifestFiles(files, { root, limits: bounds }), root };
}

function nameFaults(bases: readonly OverlayBase[]): Fault[] {
  const faults: Fault[] = [];
  const seen = new Set<string>();
  for (const { name } of bases) {
    if (!/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
      const message = `The template name ${quoted(name)} must be lower-case letters, digits and hyphens, at most 63.`;
      faults.push({ code: "invalid_template_name", message });
    }
    if (seen.has(name))
      faults.push({ code: "duplicate_template", message: `The template ${quoted(name)} is there twice.` });
    seen.add(name);
  }
  return faults;
}

function layOutBase({ name, files, root = "" }: OverlayBase): ManifestFile[] {
  if (root === "") return files.map((file) => moved(file, `base-${name}`));
  const entry = {
    path: `base-${name}/kustomization.yaml`,
    content: kustomization({ resources: [`../source-${name}/${root}`] }),
  };
  return [...files.map((file) => moved(file, `source-${name}`)), entry];
}

function moved({ path, content }: ManifestFile, folder: string): ManifestFile {
  return { path: `${folder}/${path}`, content };
}

function generateKustomization(
  files: readonly ManifestFile[],
  root: string,
  bases: readonly OverlayBase[],
): ManifestFile {
  const up = root === "" ? ".." : `../${root.replace(/[^/]+/g, "..")}`;
  const resources = bases.map(({ name }) => `${up}/base-${name}`);
  const components: string[] = [];
  const patches: { path: string }[] = [];
  const ownFolders = files.filter(isKustomization).map(({ path }) => parentFolder(path));
  const outermost = ownFolders.filter(
    (folder) => !ownFolders.some((other) => folder.startsWith(`${other}/`)),
  );
  const inRoot = (path: string): boolean => root === "" || path.startsWith(`${root}/`);
  const relative = (path: string): string => (root === "" ? path : path.slice(root.length + 1));
  for (const folder of outermost.filter((each) => inRoot(`${each}/`)).sort()) {
    (isComponent(files, folder) ? components : resources).push(relative(folder));
  }
  const loose = files.filter(
    ({ path }) =>
      /\.ya?ml$/i.test(path) && inRoot(path) && !outermost.some((folder) => path.startsWith(`${folder}/`)),
  );
  for (const path of loose.map((file) => relative(file.path)).sort()) {
    if (path.startsWith(`${patchFolder}/`)) patches.push({ path });
    else resources.push(path);
  }
  return {
    path: joinPath(root, kustomizationNames[0]),
    content: kustomization({ resources, components, patches }),
  };
}

function isKustomization({ path }: ManifestFile): boolean {
  return kustomizationNames.some((name) => path === name || path.endsWith(`/${name}`));
}

/** A guess by its kind; a kustomization that cannot be read is reported when it is checked. */
function isComponent(files: readonly ManifestFile[], folder: string): boolean {
  const [path] = findKustomizations(files, folder);
  const content = files.find((file) => file.path === path)?.content ?? "";
  return /^\s*["']?kind["']?\s*:\s*["']?Component\b/m.test(content);
}

/** JSON is YAML: paths need no other quoting. */
function kustomization(fields: {
  resources: string[];
  components?: string[];
  patches?: { path: string }[];
}): string {
  const { resources, components = [], patches = [] } = fields;
  const body = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources,
    ...(components.length === 0 ? {} : { components }),
    ...(patches.length === 0 ? {} : { patches }),
  };
  return `${JSON.stringify(body, null, 2)}\n`;
}
