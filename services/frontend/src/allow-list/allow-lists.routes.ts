import type { AllowLists } from "@rciots/store";
import { z } from "zod";
import { defineRoute, type Route } from "../http/route.ts";
import type { AllowListsService } from "./allow-lists.service.ts";
import { networkField, plainAddress } from "./networks.ts";

/** Checked one by one for each request. */
const maxNetworks = 100;

const listOf = (about: string) =>
  z.array(networkField).max(maxNetworks).describe(`${about} Empty: every address.`);

const networks = {
  console: listOf("Where people may work from: addresses and networks."),
  apiTokens: listOf("Where API tokens of the organisation are taken from: addresses and networks."),
};

const allowListsSchema = z
  .object({
    console: z.array(z.string()),
    apiTokens: z.array(z.string()),
    yourAddress: z.string().describe("Where this very request comes from."),
  })
  .meta({ id: "AllowLists" });

const tag = "Organisation";

function reply({ console: people, apiTokens, version }: AllowLists, address: string) {
  return { body: { console: people, apiTokens, yourAddress: plainAddress(address) }, version };
}

export function allowListRoutes({ allowLists }: { allowLists: AllowListsService }): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/organization/allow-lists",
      id: "getAllowLists",
      tag,
      summary: "From which addresses the organisation can be worked with",
      access: "admin",
      conditional: true,
      success: { status: 200, about: "Both lists.", schema: allowListsSchema },
      async handler({ caller, context }) {
        return reply(await allowLists.get(caller.organizationId), context.address);
      },
    }),
    defineRoute({
      method: "put",
      path: "/organization/allow-lists",
      id: "replaceAllowLists",
      tag,
      summary: "Say from which addresses the organisation can be worked with",
      description:
        "Takes force at once, for requests and for live connections. A list for the console without your own address " +
        "is refused: nobody locks themselves out.",
      access: "admin",
      sessionOnly: true,
      conditional: true,
      body: z.strictObject(networks),
      success: { status: 200, about: "Both lists.", schema: allowListsSchema },
      problems: [409],
      async handler({ caller, body, context }) {
        return reply(await allowLists.replace({ caller, context }, body, context.ifMatch), context.address);
      },
    }),
  ];
}
