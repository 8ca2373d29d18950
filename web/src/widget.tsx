import { Sessions } from "../client";
import { start } from "./start";
import { WidgetApp } from "./widget/WidgetApp";

void start(<WidgetApp sessions={new Sessions()} />);
