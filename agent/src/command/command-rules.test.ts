import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseCommandRules, type CommandRequest, type CommandRuleTexts } from "./command-rules.ts";

const argv = (...words: string[]) => ({ kind: "argv" as const, argv: words });
const script = (text: string, interpreter = "sh") => ({
  kind: "script" as const,
  interpreter,
  text,
  arguments: [] as string[],
});
const host = { kind: "host" as const };
const pod = { kind: "pod" as const, namespace: "apps", pod: "web-0" };

function isAllowed(
  rules: Partial<CommandRuleTexts>,
  program: CommandRequest["program"],
  { place = host, environment = {} }: Partial<Pick<CommandRequest, "place" | "environment">> = {},
): boolean {
  try {
    parseCommandRules({ places: "any", ...rules }).check({ place, program, environment });
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "command_denied");
    return false;
  }
}

describe("when a device decides what it runs", () => {
  it("runs nothing until it is told to, and only where it is told to", () => {
    assert.equal(parseCommandRules({ places: "off" }).isOpen, false);
    assert.equal(isAllowed({ places: "off" }, argv("true")), false);
    assert.equal(isAllowed({ places: "host" }, argv("true")), true);
    assert.equal(isAllowed({ places: "host" }, argv("true"), { place: pod }), false);
    assert.equal(isAllowed({ places: "pods" }, argv("true")), false);
    assert.equal(isAllowed({ places: "pods" }, argv("true"), { place: pod }), true);
    assert.equal(isAllowed({ places: "any" }, argv("true"), { place: pod }), true);
  });

  it("allows whole commands, not beginnings of them", () => {
    const allow = "systemctl (status|restart) [a-z]+\nuptime";
    assert.equal(isAllowed({ allow }, argv("systemctl", "restart", "nginx")), true);
    assert.equal(isAllowed({ allow }, argv("uptime")), true);
    assert.equal(isAllowed({ allow }, argv("uptime", "-p")), false);
    assert.equal(isAllowed({ allow }, argv("sudo", "uptime")), false);
    assert.equal(isAllowed({ allow }, script("uptime")), false);
    assert.equal(isAllowed({ allow: "#!sh\n" }, script("")), false);
    assert.equal(isAllowed({ allow: "#!sh\\nuptime" }, script("uptime")), true);
    assert.equal(isAllowed({ allow: "#!sh\\nuptime.*" }, script("uptime\nreboot")), false);
  });

  it("allows a script by its digest, whatever its name", () => {
    const text = "uptime\n";
    const allow = `sha256:${createHash("sha256").update(text).digest("hex")}`;
    assert.equal(isAllowed({ allow }, script(text, "bash")), true);
    assert.equal(isAllowed({ allow }, script(`${text} `)), false);
    assert.equal(isAllowed({ allow }, argv(text)), false);
  });

  it("lets what denies win over what allows", () => {
    const rules = { allow: ".*", deny: "rm\\s+-rf\nreboot" };
    assert.equal(isAllowed(rules, argv("rm", "-rf", "/")), false);
    assert.equal(isAllowed(rules, argv("rm", "-r", "/tmp/x")), true);
    assert.equal(isAllowed({ deny: "reboot" }, script("uptime\nreboot\n")), false);
  });

  it("takes no variables that change what an allowed command is", () => {
    const allow = "uptime";
    const withVariable = (name: string) =>
      isAllowed({ allow }, argv("uptime"), { environment: { [name]: "x" } });
    assert.equal(withVariable("SITE"), true);
    for (const name of ["PATH", "LD_PRELOAD", "BASH_ENV", "ENV", "PYTHONPATH", "NODE_OPTIONS", "BASH_FUNC_x"])
      assert.equal(withVariable(name), false, name);
    assert.equal(isAllowed({}, argv("uptime"), { environment: { PATH: "/opt" } }), true);
  });

  it("says what is wrong with a rule", () => {
    assert.throws(() => parseCommandRules({ places: "any", deny: "(" }), /regular expression: "\("/);
    assert.throws(() => parseCommandRules({ places: "any", allow: "sha256:abc" }), /SHA-256/);
  });
});
