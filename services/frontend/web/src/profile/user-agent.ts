/** In this order: the later ones pretend to be the earlier ones too. */
const programs: [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrom(e|ium)\//, "Chrome"],
  [/Safari\//, "Safari"],
  [/^curl\//, "curl"],
  [/^rciots/, "the rciots command"],
];
const systems: [RegExp, string][] = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

const find = (from: [RegExp, string][], userAgent: string): string | undefined =>
  from.find(([pattern]) => pattern.test(userAgent))?.[1];

/** In words, such as `Firefox on Linux`; what a program calls itself can be anything. */
export function describeUserAgent(userAgent: string | null): string {
  if (userAgent === null || userAgent === "") return "An unknown program";
  const program = find(programs, userAgent);
  if (program === undefined) return userAgent.slice(0, 60);
  const system = find(systems, userAgent);
  return system === undefined ? program : `${program} on ${system}`;
}
