import { Router } from "express";
import { notFound } from "@rciots/runtime";
import type { CrlService } from "../authority/crl.service.ts";

/** As authorities are named: an organisation's id and a number. */
const issuerIdPattern = /^org_[0-9A-HJKMNP-TV-Z]{26}:[0-9]{1,6}$/;

/** `GET /v1/ca` and `GET /v1/crl/<issuer>`: public, as certificates and revocation lists are. */
export function createAuthorityRoutes(options: {
  rootCertificates: () => string;
  crls: CrlService;
  now: () => Date;
}): Router {
  const { rootCertificates, crls, now } = options;
  const router = Router();

  router.get("/v1/ca", (_request, response) => {
    response.setHeader("cache-control", "no-store");
    response.json({ caCertificates: rootCertificates(), serverTime: now().toISOString() });
  });

  router.get("/v1/crl/:issuerId", async (request, response) => {
    const { issuerId } = request.params;
    if (!issuerIdPattern.test(issuerId)) {
      throw notFound({ code: "issuer_not_found", message: "There is no such certificate authority." });
    }
    const { der, nextUpdate } = await crls.read(issuerId);
    response.setHeader("cache-control", "public, max-age=60");
    response.setHeader("expires", nextUpdate.toUTCString());
    response.type("application/pkix-crl").send(der);
  });
  return router;
}
