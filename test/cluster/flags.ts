import { join } from "node:path";
import type { ClusterCertificates } from "./certificates.ts";

export interface FlagInputs {
  readonly dir: string;
  readonly certificates: ClusterCertificates;
  readonly etcdUrl: string;
  readonly apiserverPort: number;
  readonly controllerManagerKubeconfig: string;
}

/** Syncing to disk is off: kill -9 of a process loses nothing without it, only a power cut would. */
export function etcdFlags({ dir, certificates, etcdUrl }: FlagInputs): string[] {
  return [
    `--data-dir=${join(dir, "etcd")}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    "--listen-peer-urls=http://127.0.0.1:0",
    `--cert-file=${certificates.etcd.cert}`,
    `--key-file=${certificates.etcd.key}`,
    `--trusted-ca-file=${certificates.caFile}`,
    "--client-cert-auth=true",
    "--unsafe-no-fsync=true",
    "--log-level=warn",
  ];
}

/** The `kubernetes` service keeps no endpoints: a loopback address is not a valid one. */
export function apiserverFlags({ dir, certificates, etcdUrl, apiserverPort }: FlagInputs): string[] {
  return [
    `--etcd-servers=${etcdUrl}`,
    `--etcd-cafile=${certificates.caFile}`,
    `--etcd-certfile=${certificates.etcd.cert}`,
    `--etcd-keyfile=${certificates.etcd.key}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${apiserverPort}`,
    `--cert-dir=${dir}`,
    `--tls-cert-file=${certificates.server.cert}`,
    `--tls-private-key-file=${certificates.server.key}`,
    `--client-ca-file=${certificates.caFile}`,
    `--kubelet-certificate-authority=${certificates.caFile}`,
    `--kubelet-client-certificate=${certificates.admin.cert}`,
    `--kubelet-client-key=${certificates.admin.key}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${certificates.serviceAccount.publicKey}`,
    `--service-account-signing-key-file=${certificates.serviceAccount.key}`,
    "--service-cluster-ip-range=10.0.0.0/24",
    "--endpoint-reconciler-type=none",
    "--allow-privileged=true",
    "--profiling=false",
  ];
}

/** What applications and their clean-up need; nothing that needs nodes, volumes or a cloud. */
const controllers = [
  "clusterrole-aggregation-controller",
  "cronjob-controller",
  "daemonset-controller",
  "deployment-controller",
  "endpointslice-controller",
  "garbage-collector-controller",
  "job-controller",
  "namespace-controller",
  "replicaset-controller",
  "root-ca-certificate-publisher-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "statefulset-controller",
];

export function controllerManagerFlags({ certificates, controllerManagerKubeconfig }: FlagInputs): string[] {
  return [
    `--kubeconfig=${controllerManagerKubeconfig}`,
    "--secure-port=0",
    "--leader-elect=false",
    `--root-ca-file=${certificates.caFile}`,
    `--service-account-private-key-file=${certificates.serviceAccount.key}`,
    "--use-service-account-credentials=true",
    "--kube-api-qps=200",
    "--kube-api-burst=400",
    `--controllers=${controllers.join(",")}`,
  ];
}
