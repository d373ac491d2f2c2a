export { anyAddress, edgeUrlOf, enrollUrlOf, tlsFilesOf } from "./addresses.ts";
export { createEdgeCertificates, type EdgeCertificate, type EdgeCertificates } from "./edge-certificate.ts";
export { startJoinedProcess, type JoinedProcess, type ProcessContext } from "./joined-process.ts";
export { createPartList, type PartList } from "./part-list.ts";
export { createProcessLease, type ProcessLease } from "./process-lease.ts";
export { createRemoteSigner, enrollLeasePrefix, type RemoteSigner } from "./remote-signer.ts";
export { createRootCertificates, type RootCertificates } from "./root-certificates.ts";
export { runProcess, type RunProcessOptions } from "./run-process.ts";
export {
  drainSettings,
  endpointSettings,
  givenKeySettings,
  healthSettings,
  joinedSettings,
  keySettings,
  rebalanceSettings,
  relaySettings,
  sharedSettings,
  tlsFileSettings,
  tunnelPortSettings,
} from "./settings.ts";
export { openMetrics, openRedisBus, openStore, vaultOf, type JoinedBus } from "./shared-parts.ts";
