export { checkEnrolment, type CheckOptions } from "./check-enrolment.ts";
export { makeKeys, type MakeKeysOptions } from "./make-keys.ts";
