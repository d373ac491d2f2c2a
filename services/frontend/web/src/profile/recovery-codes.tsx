import { Alert, Button, Flex, List, ListItem } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";

function download(codes: readonly string[]): void {
  const text = `Recovery codes of RCIoTS. Each is good once.\n\n${codes.join("\n")}\n`;
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "rciots-recovery-codes.txt";
  link.click();
  URL.revokeObjectURL(url);
}

/** Shown once, to be put where the phone isn't. */
export function RecoveryCodes({ codes }: { codes: readonly string[] }): ReactNode {
  const [isCopied, setIsCopied] = useState(false);
  const copy = (): void => {
    navigator.clipboard.writeText(codes.join("\n")).then(
      () => setIsCopied(true),
      () => setIsCopied(false),
    );
  };
  return (
    <Flex direction={{ default: "column" }} gap={{ default: "gapMd" }}>
      <Alert variant="warning" isInline title="Keep these codes somewhere safe now">
        Each signs you in once when your phone is gone. They are not shown again.
      </Alert>
      <List isPlain className="rciots-recovery-codes" aria-label="Recovery codes">
        {codes.map((code) => (
          <ListItem key={code}>
            <code>{code}</code>
          </ListItem>
        ))}
      </List>
      <Flex gap={{ default: "gapSm" }}>
        <Button variant="secondary" onClick={copy}>
          {isCopied ? "Copied" : "Copy"}
        </Button>
        <Button variant="secondary" onClick={() => download(codes)}>
          Download
        </Button>
      </Flex>
    </Flex>
  );
}
