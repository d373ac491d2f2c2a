import { QueryClientProvider } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { createBrowserRouter, RouterProvider } from "react-router";
import { ApiContext } from "./api/api-context.ts";
import { createApi } from "./api/client.ts";
import { createQueryClient } from "./api/query-client.ts";
import { ToastProvider } from "./components/toast-provider.tsx";
import { createRoutes } from "./routes.tsx";
import { createCredentialStore } from "./session/credential-store.ts";

/** Puts the parts together, once in the life of the page. */
function createParts() {
  const queries = createQueryClient();
  const credentials = createCredentialStore();
  const api = createApi({
    credentials: credentials.read,
    onSignedOut: () => queries.setQueryData(["me"], null),
  });
  return { queries, api, router: createBrowserRouter(createRoutes(credentials)) };
}

export function App(): ReactNode {
  const [{ queries, api, router }] = useState(createParts);
  return (
    <QueryClientProvider client={queries}>
      <ApiContext value={api}>
        <ToastProvider>
          <RouterProvider router={router} />
        </ToastProvider>
      </ApiContext>
    </QueryClientProvider>
  );
}
