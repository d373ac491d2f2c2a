import type { OrganizationVault } from "@rciots/desired-state";
import type { CommandRun } from "@rciots/store";

/** What a command is given besides its program: variables and standard input may hold secrets. */
export interface CommandInput {
  environment: Record<string, string>;
  input?: string | undefined;
}

type Vault = Pick<OrganizationVault, "sealSecret" | "openSecret">;

/** No secret of an organisation has such a name. */
const nameOf = (runId: string): string => `command-run/${runId}`;

export const sealInput = (
  vault: Vault,
  run: Pick<CommandRun, "_id" | "organizationId">,
  input: CommandInput,
) => vault.sealSecret(run.organizationId, nameOf(run._id), JSON.stringify(input));

export async function openInput(
  vault: Vault,
  { _id, organizationId, sealedInput }: Pick<CommandRun, "_id" | "organizationId" | "sealedInput">,
): Promise<CommandInput> {
  return JSON.parse(
    await vault.openSecret({ organizationId, name: nameOf(_id), sealed: sealedInput }),
  ) as CommandInput;
}
