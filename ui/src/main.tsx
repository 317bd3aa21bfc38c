/** Starts the page. */

import "./shell/theme.css";
import "./shell/base.css";
import "./shell/shell.css";
import "./parts/table.css";
import "./runs/runs.css";
import "./run/run.css";
import "./compare/compare.css";
import "./stack/stack.css";
import "./start/start.css";
import "./shell/theme";

import { render } from "preact";

import { App } from "./App";
import { followLinks } from "./router";
import { listenToKeys, lookForStack } from "./shell";

followLinks();
listenToKeys();
lookForStack();
const root = document.getElementById("app");
if (root) render(<App />, root);
