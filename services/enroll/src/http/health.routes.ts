import { Router } from "express";
import type { Health } from "../health.ts";

/** `GET /healthz`: is this process of use, or should it be restarted. `GET /readyz`: may it get calls now. */
export function createHealthRoutes(health: Health): Router {
  const router = Router();
  router.get("/healthz", (_request, response) => {
    const report = health.live();
    response.status(report.ok ? 200 : 503).json(report);
  });
  router.get("/readyz", async (_request, response) => {
    const report = await health.ready();
    response.status(report.ok ? 200 : 503).json(report);
  });
  return router;
}
