// Mocha's own spec output, and a file with the counts and the names of skipped tests for the closing line.
const { writeFileSync } = require("node:fs");
const Mocha = require("mocha");

module.exports = class SummaryReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const summary = { passed: 0, failed: 0, skipped: [] };
    runner.on("pass", () => (summary.passed += 1));
    runner.on("fail", () => (summary.failed += 1));
    runner.on("pending", (test) => summary.skipped.push(test.fullTitle()));
    runner.once("end", () => writeFileSync(options.reporterOptions.output, JSON.stringify(summary)));
  }
};
