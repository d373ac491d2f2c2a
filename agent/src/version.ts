/** Of this agent; kept in step with package.json by a test. */
export const agentVersion = "0.1.0";
