import {
  ConfigError,
  createLogger,
  describeSettings,
  errorMessage,
  nextStopSignal,
  type Environment,
  type Logger,
  type LogLevel,
  type Setting,
} from "@rciots/runtime";

export interface RunProcessOptions<Config extends { logLevel: LogLevel }> {
  argv: readonly string[];
  env: Environment;
  /** Of its folder in `dist`. */
  name: "connector" | "enroll" | "frontend";
  /** What it is, in `--help`. */
  about: string;
  settings: Record<string, Setting<unknown>>;
  loadConfig: (env: Environment, argv: readonly string[]) => Config;
  /** As people call it, at the beginning of a sentence. */
  title: string;
  /** The signal aborts where the process is told to stop before it is ready. */
  start: (context: {
    config: Config;
    logger: Logger;
    signal: AbortSignal;
  }) => Promise<{ stop(): Promise<unknown> }>;
  /** Printed once it has started. */
  ready: string;
}

const usageOf = ({ name, about, settings }: Pick<RunProcessOptions<never>, "name" | "about" | "settings">) =>
  `RCIoTS ${about}, beside other processes on the same MongoDB and Redis.

Usage: node dist/${name}/main.js [options]

Each option is a flag or a variable of the environment; the flag wins.

${describeSettings(settings)}
`;

/** A service from its command line to its end by a signal. Resolves with the code to exit with. */
export async function runProcess<Config extends { logLevel: LogLevel }>(
  options: RunProcessOptions<Config>,
): Promise<number> {
  const { argv, env, name, loadConfig, title, start, ready } = options;
  if (argv.includes("--help") || argv.includes("-h")) {
    process.stdout.write(usageOf(options));
    return 0;
  }
  let config: Config;
  try {
    config = loadConfig(env, argv);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  const logger = createLogger({ level: config.logLevel, name: `rciots-${name}` });
  const stopping = new AbortController();
  const stopSignal = nextStopSignal();
  void stopSignal.then(() => stopping.abort(new Error("The process is stopping.")));
  try {
    const service = await start({ config, logger, signal: stopping.signal });
    process.stdout.write(`${ready}\n`);
    await stopSignal;
    await service.stop();
    return 0;
  } catch (error) {
    if (stopping.signal.aborted) return 0;
    logger.debug({ err: error }, "start failed");
    process.stderr.write(`${title} could not start: ${errorMessage(error)}\n`);
    return 1;
  }
}
