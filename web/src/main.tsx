import { Sessions } from "../client";
import { App } from "./shell/App";
import { start } from "./start";

void start(<App sessions={new Sessions()} />);
