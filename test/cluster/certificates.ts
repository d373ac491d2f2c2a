import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface KeyPairFiles {
  readonly cert: string;
  readonly key: string;
}

export interface ClusterCertificates {
  readonly caFile: string;
  readonly caPem: string;
  readonly server: KeyPairFiles;
  readonly etcd: KeyPairFiles;
  /** In the group system:masters. */
  readonly admin: KeyPairFiles;
  readonly controllerManager: KeyPairFiles;
  /** Signs and verifies service account tokens. */
  readonly serviceAccount: { readonly key: string; readonly publicKey: string };
}

const loopbackNames = "IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc";

/** Makes a CA and every certificate of one throwaway control plane in `dir`, valid for a few days. */
export async function createClusterCertificates(dir: string): Promise<ClusterCertificates> {
  const ca = await createCa(dir);
  const issue = (name: string, subject: string, usage: string) =>
    issueCertificate({ dir, ca, name, subject, usage });
  const [server, etcd, admin, controllerManager, serviceAccount] = await Promise.all([
    issue("apiserver", "/CN=kube-apiserver", "serverAuth"),
    issue("etcd", "/CN=etcd", "serverAuth,clientAuth"),
    issue("admin", "/O=system:masters/CN=admin", "clientAuth"),
    issue("controller-manager", "/CN=system:kube-controller-manager", "clientAuth"),
    createSigningKey(dir),
  ]);
  const caPem = await readFile(ca.cert, "utf8");
  return { caFile: ca.cert, caPem, server, etcd, admin, controllerManager, serviceAccount };
}

const openssl = (args: string[]) => run("openssl", args, { timeout: 30_000 });

function newKey(path: string): Promise<unknown> {
  return openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path]);
}

async function createCa(dir: string): Promise<KeyPairFiles> {
  const ca = { cert: join(dir, "ca.crt"), key: join(dir, "ca.key") };
  const config = join(dir, "ca.cnf");
  await writeFile(
    config,
    "[req]\ndistinguished_name=dn\nx509_extensions=v3\nprompt=no\n[dn]\nCN=rciots-test-ca\n" +
      "[v3]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n",
  );
  await newKey(ca.key);
  await openssl(["req", "-x509", "-new", "-config", config, "-key", ca.key, "-days", "7", "-out", ca.cert]);
  return ca;
}

interface IssueOptions {
  readonly dir: string;
  readonly ca: KeyPairFiles;
  readonly name: string;
  readonly subject: string;
  readonly usage: string;
}

async function issueCertificate({ dir, ca, name, subject, usage }: IssueOptions): Promise<KeyPairFiles> {
  const files = { cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) };
  const request = join(dir, `${name}.csr`);
  const extensions = join(dir, `${name}.ext`);
  await newKey(files.key);
  await writeFile(
    extensions,
    `basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=${usage}\nsubjectAltName=${loopbackNames}\n`,
  );
  await openssl(["req", "-new", "-key", files.key, "-subj", subject, "-out", request]);
  const serial = `0x${Buffer.from(name).toString("hex").slice(0, 32)}`;
  await openssl(
    [
      "x509",
      "-req",
      "-in",
      request,
      "-CA",
      ca.cert,
      "-CAkey",
      ca.key,
      "-set_serial",
      serial,
      "-days",
      "7",
    ].concat(["-extfile", extensions, "-out", files.cert]),
  );
  return files;
}

async function createSigningKey(dir: string): Promise<{ key: string; publicKey: string }> {
  const files = { key: join(dir, "sa.key"), publicKey: join(dir, "sa.pub") };
  await newKey(files.key);
  await openssl(["pkey", "-in", files.key, "-pubout", "-out", files.publicKey]);
  return files;
}
