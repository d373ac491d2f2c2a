import assert from "node:assert/strict";
import { ProblemError, toProblem } from "../../api/problem.ts";
import { countByFile, faultsOf, marksOf, messageOf } from "./faults.ts";

describe("when the platform refuses files", () => {
  const refusal = new ProblemError(
    toProblem(422, {
      code: "yaml_invalid",
      detail: "bad",
      faults: [
        {
          code: "yaml_invalid",
          message: '"a.yaml", line 3, column 2: not YAML.',
          file: "a.yaml",
          line: 3,
          column: 2,
        },
        { code: "x", message: '"a.yaml" is large.', file: "a.yaml" },
        { code: "y", message: "There are too many files." },
        "nonsense",
      ],
    }),
  );

  it("reads the faults and where they are", () => {
    const faults = faultsOf(refusal);
    assert.equal(faults.length, 3);
    assert.deepEqual(marksOf(faults, "a.yaml"), [
      { line: 3, column: 2, message: "Not YAML." },
      { line: 1, column: undefined, message: '"a.yaml" is large.' },
    ]);
    assert.deepEqual([...countByFile(faults)], [["a.yaml", 2]]);
    assert.equal(messageOf(faults[2] ?? { code: "", message: "" }), "There are too many files.");
  });

  it("finds none in any other refusal", () => {
    assert.deepEqual(faultsOf(new Error("x")), []);
  });
});
