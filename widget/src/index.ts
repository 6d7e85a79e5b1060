/** The bundle's beginning: makes `<support-chat>` known to the page. */

import { SupportChat } from "./element";

if (!customElements.get("support-chat")) customElements.define("support-chat", SupportChat);
