import type { Standalone } from "./standalone.ts";

const rendererLine = ({ kustomize }: Standalone): string =>
  kustomize === null
    ? "none found: templates can't be rendered. Install kustomize, kubectl or oc and start again."
    : `${kustomize.kind} ${kustomize.version} (${kustomize.path})`;

/** What a person sees once everything listens: where things are, and the next command to type. */
export function banner(platform: Standalone, options: { dataDir: string; readyMs: number }): string {
  const { admin, consoleUrl } = platform;
  const password = admin.password === undefined ? "as set before" : `${admin.password}   (shown this once)`;
  const shownPassword = admin.password ?? "your password";
  return `
  RCIoTS is ready (${(options.readyMs / 1000).toFixed(1)} s).

    Console and API   ${consoleUrl}
    Enrolment         ${platform.enrollUrl}
    Device channel    ${platform.edgeUrl}
    CA fingerprint    ${platform.caFingerprint}
    Data              ${options.dataDir}
    Renders with      ${rendererLine(platform)}

    User              ${admin.username}
    Password          ${password}

  Next: open ${consoleUrl} and sign in; the overview says what comes first.
  From a shell instead (the tour in README.md goes on from here):

    export RCIOTS_SESSION=$(curl -s ${consoleUrl}/api/v1/login -H 'content-type: application/json' \\
      -d '{"username":"${admin.username}","password":"${shownPassword}"}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')

`;
}
