import { describeOwnApi } from "../../services/frontend/src/api-document.ts";

process.stdout.write(JSON.stringify(describeOwnApi()));
