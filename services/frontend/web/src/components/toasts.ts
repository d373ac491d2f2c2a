import { createContext, use } from "react";

export interface Toast {
  title: string;
  /** Default `success`. */
  variant?: "success" | "info" | "warning" | "danger";
  description?: string;
}

export interface Toasts {
  add: (toast: Toast) => void;
  /** A refusal, with its request id. */
  addError: (title: string, error: unknown) => void;
}

export const ToastContext = createContext<Toasts | null>(null);

/** Tells results that need no answer. */
export function useToasts(): Toasts {
  const toasts = use(ToastContext);
  if (toasts === null) throw new Error("useToasts needs a ToastProvider.");
  return toasts;
}
