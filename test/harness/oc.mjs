#!/usr/bin/env node
// Stands in for `oc` where a test runs a command that was made for it: `oc process -f URL -p name=value ...` puts
// parameters in as OpenShift's own processor does, and `oc create` is kubectl's.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parse } from "yaml";

const [command, ...args] = process.argv.slice(2);
if (command === "process") process.stdout.write(JSON.stringify(await processTemplate(args)));
else process.exitCode = spawnSync("kubectl", [command, ...args], { stdio: "inherit" }).status ?? 1;

async function processTemplate(options) {
  let source;
  const given = new Map();
  for (let index = 0; index < options.length; index += 2) {
    const [flag, value] = options.slice(index, index + 2);
    if (flag === "-f") source = value;
    else if (flag === "-p")
      given.set(value.slice(0, value.indexOf("=")), value.slice(value.indexOf("=") + 1));
    else throw new Error(`oc process has no ${flag} here`);
  }
  const text = /^https?:/.test(source) ? await download(source) : readFileSync(source, "utf8");
  const { apiVersion, kind, parameters, objects } = parse(text, { version: "1.1" });
  if (`${apiVersion} ${kind}` !== "template.openshift.io/v1 Template")
    throw new Error(`${kind} is no template`);
  for (const name of given.keys()) {
    if (!parameters.some((parameter) => parameter.name === name))
      throw new Error(`unknown parameter ${name}`);
  }
  const values = new Map(parameters.map(({ name, value = "" }) => [name, given.get(name) ?? value]));
  for (const { name, required } of parameters)
    if (required && values.get(name) === "")
      throw new Error(`parameter ${name} is required and must be specified`);
  return {
    apiVersion: "v1",
    kind: "List",
    items: objects.map((object) => fill(withoutNamespace(object), values)),
  };
}

/** A namespace stays only where it is a parameter. */
function withoutNamespace(object) {
  const { namespace, ...metadata } = object.metadata;
  const kept = namespace !== undefined && /\$\{\w+\}/.test(namespace) ? { namespace } : {};
  return { ...object, metadata: { ...metadata, ...kept } };
}

function fill(value, values) {
  if (typeof value === "string") {
    const whole = /^\$\{\{(\w+)\}\}$/.exec(value);
    if (whole !== null && values.has(whole[1])) return JSON.parse(values.get(whole[1]));
    return value.replace(/\$\{(\w+)\}/g, (all, name) => values.get(name) ?? all);
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, values));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, values)]));
}

async function download(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.text();
}
