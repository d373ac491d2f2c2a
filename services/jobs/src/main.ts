import { errorMessage, nextStopSignal } from "@rciots/runtime";
import { checkEnrolment } from "./check-enrolment.ts";
import { loadCheckConfig, loadKeysConfig } from "./config.ts";
import { makeKeys } from "./make-keys.ts";
import { createSecretsClient } from "./secrets-client.ts";

const usage = `What runs beside the services in a cluster, once:

  make-keys        fills in keys and passwords of Secrets that are missing
  check-enrolment  enrols a device as a check, and removes it again
`;

function say(message: string): void {
  process.stdout.write(`${message}\n`);
}

const jobs: Record<string, (signal: AbortSignal) => Promise<void>> = {
  async "make-keys"() {
    const { wanted, ...account } = loadKeysConfig(process.env);
    await makeKeys({ wanted, client: await createSecretsClient(account), say });
  },
  "check-enrolment": (signal) => checkEnrolment({ ...loadCheckConfig(process.env), signal, say }),
};

const stopping = new AbortController();
void nextStopSignal().then(() => stopping.abort(new Error("stopped by a signal")));
const job = jobs[process.argv[2] ?? ""];
if (job === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
try {
  await job(stopping.signal);
  process.exit(0);
} catch (error) {
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exit(1);
}
