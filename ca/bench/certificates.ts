import { createDeviceVerifier } from "../../packages/runtime/src/device-certificate.ts";
import {
  buildCrl,
  createCsr,
  createIntermediateCa,
  createRootCa,
  generateKeyPair,
  issueDeviceCertificate,
  parseCsr,
} from "../src/index.ts";

/**
 * Prints how often each step fits into a second of processor time, so that other work on the machine counts
 * less, and into a second of the clock: `npx tsx ca/bench/certificates.ts`. Each case runs for a second.
 */
const organizationId = "org_01J8ZQ4N6W3T5V7X9YABCDEFGA";
const deviceId = "dev_01J8ZQ4N6W3T5V7X9YABCDEFGC";
const root = createRootCa({ name: "Root" });
const issuer = createIntermediateCa({ root, organizationId, name: "Devices" });
const { privateKey, publicKey } = generateKeyPair();
const csr = createCsr({ privateKey, commonName: "edge" });
const leaf = issueDeviceCertificate({ issuer, organizationId, deviceId, csr }).der;
const warm = createDeviceVerifier({ roots: [root.der] });
warm.verify({ leaf, intermediates: [issuer.der] });

function measure(name: string, step: () => unknown): void {
  for (let count = 0; count < 200; count += 1) step();
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  let count = 0;
  while (performance.now() - start < 1000) {
    step();
    count += 1;
  }
  const { user, system } = process.cpuUsage(cpuStart);
  const perCpuSecond = Math.round((count / (user + system)) * 1_000_000).toString();
  const perSecond = Math.round((count / (performance.now() - start)) * 1000).toString();
  process.stdout.write(`${name.padEnd(50)} ${perCpuSecond.padStart(7)} /cpu-s ${perSecond.padStart(7)} /s\n`);
}

measure("key pair, P-256", () => generateKeyPair());
measure("request parsed, key judged, possession proved", () => parseCsr(csr));
measure("device certificate from a request", () =>
  issueDeviceCertificate({ issuer, organizationId, deviceId, csr }),
);
measure("device certificate from a known key", () =>
  issueDeviceCertificate({ issuer, organizationId, deviceId, publicKey }),
);
measure("chain verified, intermediate remembered", () => warm.verify({ leaf, intermediates: [] }));
measure("chain verified from nothing", () =>
  createDeviceVerifier({ roots: [root.der] }).verify({ leaf, intermediates: [issuer.der] }),
);

const revokedAt = new Date();
const first = 1n << 158n;
const entries = Array.from({ length: 100_000 }, (_, index) => ({
  serial: (first + BigInt(index)).toString(16),
  revokedAt,
  reason: "superseded" as const,
}));
const start = performance.now();
const crl = await buildCrl({ issuer, entries, number: 1, nextUpdate: new Date(Date.now() + 86_400_000) });
process.stdout.write(
  `CRL of 100,000 entries: ${Math.round(performance.now() - start)} ms, ${crl.der.length} bytes\n`,
);
