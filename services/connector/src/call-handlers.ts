import type { CertificateRenewer } from "@rciots/runtime";
import type { AskedTunnels } from "./asked-tunnels/asked-tunnels.service.ts";
import { createBundleReader } from "./bundle.handler.ts";
import type { CommandReports } from "./command-reports.service.ts";
import type { DesiredReader, DesiredStatePort } from "./desired.service.ts";
import type { CallHandlers } from "./dispatcher.ts";
import type { HelloHandler } from "./hello.handler.ts";
import { createRenewalHandler } from "./renewal.handler.ts";
import type { Reports } from "./reports.service.ts";
import { toldOf } from "./session.ts";
import type { ConnectorSettings } from "./settings.ts";

/** The table of the contract's events and who answers each. */
export function createCallHandlers(options: {
  helloHandler: HelloHandler;
  desired: DesiredReader;
  desiredState: DesiredStatePort;
  reports: Reports;
  commandReports: CommandReports;
  askedTunnels: AskedTunnels;
  renewer: CertificateRenewer;
  settings: ConnectorSettings;
  now: () => number;
}): CallHandlers {
  const { helloHandler, desired, desiredState, reports, commandReports, askedTunnels } = options;
  const { renewer, settings, now } = options;
  return {
    "session:hello": (session, request) => helloHandler.hello(session, request),
    async "desired:get"(session) {
      const { desired: state } = await desired.of(session.identity.deviceId);
      session.told = toldOf(state);
      return state;
    },
    "bundle:read": createBundleReader({ desiredState, settings }),
    async "status:report"(session, report) {
      await reports.status(session, report);
      return {};
    },
    async "objects:report"(session, page) {
      await reports.objects(session, page);
      return {};
    },
    async "facts:report"(session, { facts }) {
      await reports.facts(session, facts);
      return {};
    },
    async "command:output"(session, output) {
      await commandReports.output(session, output);
      return {};
    },
    async "command:end"(session, end) {
      await commandReports.end(session, end);
      return {};
    },
    async "tunnels:ask"(session, { tunnels }) {
      return { tunnels: await askedTunnels.ask(session, tunnels) };
    },
    "certificate:renew": createRenewalHandler({ renewer, settings, now }),
  };
}
