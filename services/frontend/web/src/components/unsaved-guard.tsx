import { useEffect, type ReactNode } from "react";
import { useBlocker } from "react-router";
import { ConfirmModal } from "./confirm-modal.tsx";

interface UnsavedGuardProps {
  /** Read when somebody is about to leave. */
  isDirty: () => boolean;
  /** What would be lost, such as `The files you edited`. */
  what: string;
}

/** Asks before a page with unsaved edits is left; the browser asks where the whole console is left. */
export function UnsavedGuard({ isDirty, what }: UnsavedGuardProps): ReactNode {
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) => isDirty() && currentLocation.pathname !== nextLocation.pathname,
  );
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent): void => {
      if (isDirty()) event.preventDefault();
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isDirty]);
  if (blocker.state !== "blocked") return null;
  return (
    <ConfirmModal
      title="Leave without saving?"
      confirmLabel="Leave"
      isDanger
      isPending={false}
      onConfirm={() => blocker.proceed()}
      onClose={() => blocker.reset()}
    >
      {`${what} are not saved and will be lost.`}
    </ConfirmModal>
  );
}
