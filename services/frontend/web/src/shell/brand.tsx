import {
  MastheadBrand,
  MastheadLogo,
  MastheadMain,
  MastheadToggle,
  PageToggleButton,
} from "@patternfly/react-core";
import type { ComponentProps, ReactNode } from "react";
import { Link } from "react-router";

function HomeLink(props: Omit<ComponentProps<typeof Link>, "to">): ReactNode {
  return <Link {...props} to="/" aria-label="RCIoTS: overview" />;
}

/** The left end of the masthead: the navigation's switch, and the mark and name, which lead home. */
export function MastheadStart(): ReactNode {
  return (
    <MastheadMain>
      <MastheadToggle>
        <PageToggleButton isHamburgerButton aria-label="Navigation" />
      </MastheadToggle>
      <MastheadBrand>
        <MastheadLogo component={HomeLink}>
          <span className="rciots-brand">
            <img src="/favicon.svg" alt="" width={32} height={32} />
            <span className="rciots-brand-name">RCIoTS</span>
          </span>
        </MastheadLogo>
      </MastheadBrand>
    </MastheadMain>
  );
}
