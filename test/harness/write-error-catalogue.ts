// `npm run errors`: lists the error codes of the operators' API in docs/errors.md.
import { writeFileSync } from "node:fs";
import { cataloguePath, readErrorCodes, renderCatalogue } from "./error-catalogue.ts";

writeFileSync(cataloguePath, await renderCatalogue(readErrorCodes()));
