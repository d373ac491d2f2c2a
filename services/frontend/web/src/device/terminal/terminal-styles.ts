import { cspNonce } from "../../components/code-editor/csp-nonce.ts";

/** As an attribute a style is refused by the page's content security policy; set as a property it is not. */
function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

function createElement(this: Document, name: string, options?: ElementCreationOptions): HTMLElement {
  const element = Document.prototype.createElement.call(this, name, options);
  if (name === "style") element.nonce = cspNonce();
  if (name === "span") element.setAttribute = setAttribute;
  return element;
}

let users = 0;

/**
 * For as long as a terminal is shown, style elements get the page's nonce, and spans take their styles in a way that
 * the policy allows. xterm.js makes both with the page's own document; its `documentOverride` reaches only some.
 * Returns the function that ends it.
 */
export function letTerminalStyle(): () => void {
  users += 1;
  if (users === 1) document.createElement = createElement;
  return () => {
    users -= 1;
    if (users === 0) Reflect.deleteProperty(document, "createElement");
  };
}
