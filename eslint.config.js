import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** Which third-party package may be imported where; everything else is refused. */
const owners = [
  { package: "@kubernetes/client-node", folders: ["agent/src/kube"] },
  { package: "@lydell/node-pty", folders: ["agent/src/terminal"] },
  { package: "@xterm/xterm", folders: ["services/frontend/web/src/device/terminal"] },
  { package: "node-forge", folders: ["ca/src"] },
  { package: "simple-git", folders: ["packages/manifests/src"] },
  { package: "mongoose", folders: ["packages/store/src"] },
  { package: "socket.io", folders: ["services/connector/src", "services/frontend/src/live"] },
  { package: "socket.io-client", folders: ["agent/src/channel", "services/frontend/web/src/live"] },
  { package: "express", folders: ["services/enroll/src", "services/frontend/src", "packages/runtime/src"] },
  {
    package: "ws",
    folders: ["agent/src/kube", "services/connector/src", "services/frontend/src/http", "cli/src/connect"],
  },
  { package: "nodemailer", folders: ["services/frontend/src/mail"] },
  { package: "mingo", folders: ["packages/embedded-mongo/src"] },
  { package: "@redis/client", folders: ["packages/redis-bus/src"] },
  { package: "rate-limiter-flexible", folders: ["packages/runtime/src", "packages/redis-bus/src"] },
  { package: "prom-client", folders: ["packages/metrics/src"] },
  { package: "@photostructure/sqlite", folders: ["packages/embedded-mongo/src"] },
];

/** Which workspace may import which other workspace; the arrows of the architecture. */
const layers = {
  ca: [],
  agent: ["protocol", "runtime"],
  cli: ["embedded-mongo", "protocol", "runtime"],
  "packages/protocol": [],
  "packages/runtime": [],
  "packages/embedded-mongo": [],
  "packages/manifests": ["runtime"],
  "packages/metrics": ["runtime"],
  "packages/redis-bus": ["runtime"],
  "packages/store": ["runtime", "protocol"],
  "packages/relay": ["runtime", "store", "protocol", "ca"],
  "packages/tunnels": ["runtime", "store"],
  "packages/process": ["runtime", "store", "ca", "metrics", "redis-bus"],
  "packages/desired-state": ["runtime", "store", "manifests", "protocol"],
  "services/enroll": ["runtime", "store", "protocol", "ca", "process"],
  "services/connector": ["runtime", "store", "protocol", "desired-state", "process", "relay", "tunnels"],
  "services/frontend": [
    "runtime",
    "store",
    "protocol",
    "manifests",
    "desired-state",
    "process",
    "relay",
    "tunnels",
  ],
  // After the folder it lies in: of two rules for a file the later one counts.
  "services/frontend/web": [],
  "services/jobs": ["agent", "protocol", "runtime"],
  "services/standalone": [
    "runtime",
    "store",
    "protocol",
    "ca",
    "manifests",
    "desired-state",
    "enroll",
    "connector",
    "frontend",
    "embedded-mongo",
    "metrics",
    "process",
    "relay",
  ],
};
const workspaces = Object.keys(layers).map((folder) => folder.split("/").at(-1));

const boundaries = Object.entries(layers).flatMap(([folder, allowed]) => {
  const own = folder.split("/").at(-1);
  const forbiddenWorkspaces = workspaces.filter((name) => name !== own && !allowed.includes(name));
  const rule = (at) => ({
    paths: owners
      .filter((owner) => !owner.folders.some((ownerFolder) => at.startsWith(ownerFolder)))
      .map((owner) => ({ name: owner.package, message: `Only ${owner.folders.join(", ")} may import it.` })),
    patterns: [
      {
        group: forbiddenWorkspaces.map((name) => `@rciots/${name}`),
        message: `${folder} may not depend on it: see docs/architecture.md.`,
      },
      { regex: "^@rciots/[^/]+/", message: "Import a package's public face, not its inside." },
    ],
  });
  const inner = owners.flatMap((owner) => owner.folders).filter((at) => at.startsWith(`${folder}/src/`));
  return [
    { files: [`${folder}/**/*.ts`], rules: { "no-restricted-imports": ["error", rule(`${folder}/src`)] } },
    ...inner.map((at) => ({
      files: [`${at}/**/*.ts`],
      rules: { "no-restricted-imports": ["error", rule(at)] },
    })),
  ];
});

export default tseslint.config(
  {
    ignores: [
      "**/dist/**",
      "node_modules/**",
      "data/**",
      "**/*.mjs",
      "**/*.cjs",
      "**/*.js",
      "services/frontend/web/src/api/schema.ts",
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { arguments: false } }],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/require-await": "off",
      // Factories return closures; nothing here uses `this` apart from a few error and parser classes.
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    files: ["ca/src/**", "agent/src/**", "cli/src/**", "packages/*/src/**", "services/*/src/**"],
    ignores: ["**/main.ts", "**/*.test.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[object.name='process'][property.name='env']",
          message: "Only main.ts reads the environment; take it as an option.",
        },
        {
          selector: "CallExpression[callee.name='setInterval']",
          message: "Write a loop with an abortable sleep (@rciots/runtime).",
        },
      ],
    },
  },
  {
    files: ["services/frontend/web/**/*.{ts,tsx}"],
    plugins: { "react-hooks": reactHooks },
    rules: { ...reactHooks.configs.recommended.rules },
  },
  ...boundaries,
  {
    files: ["**/*.test.ts", "test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-unused-expressions": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      // Answers of the API and of kubectl are looked at as they come.
      "@typescript-eslint/no-explicit-any": "off",
      "no-console": "off",
    },
  },
);
