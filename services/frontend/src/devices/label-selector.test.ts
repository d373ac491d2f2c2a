import assert from "node:assert/strict";
import { parseLabelSelectors } from "./label-selector.ts";

describe("when a label selector is parsed", () => {
  it("reads every form that Kubernetes has", () => {
    assert.deepEqual(
      parseLabelSelectors(["site=berlin, tier!=x,zone in (a, b),rack notin (c),gpu,!test", "a==b"]),
      [
        { key: "site", operator: "in", values: ["berlin"] },
        { key: "tier", operator: "notIn", values: ["x"] },
        { key: "zone", operator: "in", values: ["a", "b"] },
        { key: "rack", operator: "notIn", values: ["c"] },
        { key: "gpu", operator: "exists" },
        { key: "test", operator: "absent" },
        { key: "a", operator: "in", values: ["b"] },
      ],
    );
  });

  it("takes nothing for no condition, and an empty value for what it is", () => {
    assert.deepEqual(parseLabelSelectors(["", " , "]), []);
    assert.deepEqual(parseLabelSelectors(["site="]), [{ key: "site", operator: "in", values: [""] }]);
  });

  it("refuses what can't be a label or is too much", () => {
    const many = Array.from({ length: 21 }, (_, index) => `l${index}`).join(",");
    const wide = `a in (${Array.from({ length: 51 }, (_, index) => `v${index}`).join(",")})`;
    const wrong = [
      "$where",
      "a.b=c",
      "a=$ne",
      "a=b=c",
      "a in b",
      "in (a)",
      "a b",
      "(a)",
      "a in (b",
      "!",
      "=",
      many,
      wide,
    ];
    for (const selector of wrong) {
      assert.throws(() => parseLabelSelectors([selector]), { code: "invalid_selector" }, selector);
    }
  });
});
