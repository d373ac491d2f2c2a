import type { Request } from "express";
import { unauthorized } from "@rciots/runtime";

/** Letters of a bearer value (RFC 6750), within the length that tokens of this platform may have. */
const bearerHeader = /^Bearer ([A-Za-z0-9\-._~+/]{16,256}=*)$/i;

/** The token of `Authorization: Bearer <token>`; throws 401 where there is none. */
export function readBearer(request: Request, what: string): string {
  const token = bearerHeader.exec(request.header("authorization") ?? "")?.[1];
  if (token !== undefined) return token;
  throw unauthorized({ message: `Send the ${what} as "Authorization: Bearer <token>".` });
}
