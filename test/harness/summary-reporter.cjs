// Mocha's own spec output, and a file with the counts and with the names of failed and skipped tests for the closing lines.
const { writeFileSync } = require("node:fs");
const Mocha = require("mocha");

const exitWithinMs = 30_000;

module.exports = class SummaryReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const summary = { passed: 0, failed: 0, failures: [], skipped: [] };
    runner.on("pass", () => (summary.passed += 1));
    runner.on("fail", (test, error) => {
      summary.failed += 1;
      const reason = String(error?.message ?? error)
        .split("\n")
        .slice(0, 3)
        .join(" ");
      summary.failures.push(`${test.fullTitle()}: ${reason.slice(0, 500)}`);
    });
    runner.on("pending", (test) => summary.skipped.push(test.fullTitle()));
    runner.once("end", () => {
      writeFileSync(options.reporterOptions.output, JSON.stringify(summary));
      // A test that failed half-way may leave a server behind, which must not keep the whole run.
      setTimeout(() => {
        console.error("The tests are over, but something of theirs still runs.");
        process.exit(1);
      }, exitWithinMs).unref();
    });
  }
};
