export interface KeyValue {
  /** Of the row, not of the value: stays while the key is typed. */
  id: number;
  key: string;
  value: string;
}

export interface KeyValueRules {
  key: RegExp;
  keyHint: string;
  value: RegExp;
  valueHint: string;
}

const labelText = /^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;

export const labelRules: KeyValueRules = {
  key: labelText,
  keyHint: "Letters, digits, '-' and '_', at most 63, with a letter or digit at both ends.",
  value: /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/,
  valueHint: "Letters, digits, '-', '_' and '.', at most 63, with a letter or digit at both ends.",
};

export const variableRules: KeyValueRules = {
  key: /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
  keyHint: "Letters, digits and '_', not beginning with a digit.",
  value: /^[^]{0,4096}$/,
  valueHint: "At most 4096 characters.",
};

export const rowsOf = (map: Record<string, string>): KeyValue[] =>
  Object.entries(map)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([key, value], id) => ({ id, key, value }));

export const toMap = (rows: readonly KeyValue[]): Record<string, string> =>
  Object.fromEntries(rows.map(({ key, value }) => [key, value]));

/** What is wrong, by row. */
export function faultsOf(
  rows: readonly KeyValue[],
  rules: KeyValueRules,
): Map<number, { key?: string; value?: string }> {
  const faults = new Map<number, { key?: string; value?: string }>();
  const counts = new Map<string, number>();
  for (const { key } of rows) counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const { id, key, value } of rows) {
    const isTwice = (counts.get(key) ?? 0) > 1;
    const keyFault = isTwice ? "It is there twice." : rules.key.test(key) ? undefined : rules.keyHint;
    const valueFault = rules.value.test(value) ? undefined : rules.valueHint;
    if (keyFault === undefined && valueFault === undefined) continue;
    faults.set(id, {
      ...(keyFault === undefined ? {} : { key: keyFault }),
      ...(valueFault === undefined ? {} : { value: valueFault }),
    });
  }
  return faults;
}
