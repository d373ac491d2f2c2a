export { faultsOf, type Fault } from "./manifest-fault.ts";
export {
  defaultFileLimits,
  kustomizationNames,
  type FileLimits,
  type ManifestFile,
} from "./files/manifest-file.ts";
export { validateManifestFiles, type ValidateFilesOptions } from "./files/validate-files.ts";
export { readManifestFolder, type ReadFolderOptions } from "./files/read-folder.ts";
export {
  findKustomize,
  type FindKustomizeOptions,
  type KustomizeBinary,
  type KustomizeKind,
} from "./kustomize/find-kustomize.ts";
export {
  fetchKustomize,
  pinnedKustomizeVersion,
  type FetchKustomizeOptions,
} from "./kustomize/fetch-kustomize.ts";
export {
  createKustomize,
  renderKey,
  type Kustomize,
  type KustomizeOptions,
  type RenderOptions,
  type RenderResult,
} from "./kustomize/kustomize.ts";
export {
  composeOverlay,
  type ComposedFiles,
  type ComposeOverlayOptions,
  type OverlayBase,
} from "./overlay/compose-overlay.ts";
export { canonicalJson } from "./documents/canonical-json.ts";
export { mergeDocuments, type NamedDocuments } from "./documents/merge-documents.ts";
export {
  defaultDocumentLimits,
  parseNdjson,
  type DocumentLimits,
  type KubernetesObject,
  type Rendered,
} from "./documents/rendered.ts";
export {
  compileSubstitution,
  substitute,
  type Substitution,
  type VariableUse,
} from "./substitution/compile-substitution.ts";
export { locatePlaceholders } from "./substitution/locate-placeholders.ts";
export type { SubstitutionValues, VariableValue } from "./substitution/values.ts";
export {
  createBundle,
  openBundle,
  type Bundle,
  type OpenBundleOptions,
  type OpenedBundle,
} from "./bundle/bundle.ts";
export { createGitSource, type GitSource, type GitSourceOptions } from "./git/git-source.ts";
export type { GitLimits } from "./git/git-cache.ts";
export type { GitSnapshot } from "./git/git-snapshot.ts";
export {
  defaultGitPolicy,
  type GitCredential,
  type GitFetchRequest,
  type GitPolicy,
  type GitRemote,
  type GitResolveRequest,
} from "./git/git-request.ts";
