import { Alert, AlertActionCloseButton, AlertGroup } from "@patternfly/react-core";
import { useMemo, useReducer, type ReactNode } from "react";
import { problemOf } from "../api/problem.ts";
import { RequestId } from "./request-id.tsx";
import { ToastContext, type Toast, type Toasts } from "./toasts.ts";

interface Shown extends Toast {
  id: number;
  requestId: string | null;
}

type Change = { add: Omit<Shown, "id"> } | { remove: number };

const timeoutMs = 8_000;
const maxShown = 5;

function reduce(shown: readonly Shown[], change: Change): Shown[] {
  if ("remove" in change) return shown.filter(({ id }) => id !== change.remove);
  const id = (shown[0]?.id ?? 0) + 1;
  return [{ ...change.add, id }, ...shown].slice(0, maxShown);
}

/** Toasts in the corner; those of faults stay until they are closed. */
export function ToastProvider({ children }: { children: ReactNode }): ReactNode {
  const [shown, change] = useReducer(reduce, []);
  const toasts = useMemo(
    (): Toasts => ({
      add: (toast) => change({ add: { ...toast, requestId: null } }),
      addError(title, error) {
        const { detail, requestId } = problemOf(error);
        change({ add: { title, variant: "danger", description: detail, requestId } });
      },
    }),
    [],
  );
  return (
    <ToastContext value={toasts}>
      {children}
      <AlertGroup isToast isLiveRegion>
        {shown.map(({ id, title, variant = "success", description, requestId }) => (
          <Alert
            key={id}
            title={title}
            variant={variant}
            timeout={variant === "danger" ? false : timeoutMs}
            onTimeout={() => change({ remove: id })}
            actionClose={<AlertActionCloseButton title={title} onClose={() => change({ remove: id })} />}
          >
            {description}
            <RequestId id={requestId} />
          </Alert>
        ))}
      </AlertGroup>
    </ToastContext>
  );
}
