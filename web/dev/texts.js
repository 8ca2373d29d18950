/** Answers for looking at the page: what models really write, and what attackers would like them to. */
export const markdown = `# Why the tides come twice a day

The Moon pulls on the near side of the Earth **more strongly** than on its centre, and on the centre more strongly than on the far side. What matters is not the pull itself but the *difference* of the pulls, and that stretches the oceans along the line to the Moon.

## Two bulges, one planet

1. The **near bulge** is where water is drawn towards the Moon.
2. The **far bulge** is where the Earth is drawn away from the water.
   - It is almost as large as the near one.
   - Without it there would be one tide a day.
3. The Earth turns below both of them once in 24 h 50 min.

> The tide does not come in; the coast turns into it.

| Body | Mass (kg) | Distance (km) | Share of the tide |
|:-----|----------:|--------------:|:-----------------:|
| Moon | 7.35 × 10²² | 384,400 | 69 % |
| Sun | 1.99 × 10³⁰ | 149,600,000 | 31 % |
| Venus | 4.87 × 10²⁴ | 41,000,000 | < 0.01 % |

The force falls with the *cube* of the distance, as this short program shows:

\`\`\`python
from dataclasses import dataclass

G = 6.674e-11  # m³ / (kg s²)


@dataclass(frozen=True)
class Body:
    name: str
    mass: float      # kg
    distance: float  # m

    def tide(self, radius: float = 6.371e6) -> float:
        """The difference of the pull over one radius of the Earth."""
        return 2 * G * self.mass * radius / self.distance**3


for body in (Body("Moon", 7.35e22, 3.844e8), Body("Sun", 1.99e30, 1.496e11)):
    print(f"{body.name}: {body.tide():.2e} m/s²")
\`\`\`

What to remember:

- [x] Two high tides, about 12 h 25 min apart
- [x] Spring tides at new and full Moon
- [ ] Why some coasts have only one (see [tidal resonance](https://en.wikipedia.org/wiki/Tidal_resonance))

Water is H<sub>2</sub>O, and \`npm install\` is not involved. ![A map of amphidromic points](https://example.com/map.png)

---

More at https://oceanservice.noaa.gov and in *The Tides &eacute;clair&eacute;es*.`;

export const xss = `Click [here](javascript:alert(1)) or [here](JaVa\tScript:alert(1)) or [there](data:text/html,<script>alert(1)</script>) or
<img src=x onerror=alert(1)> <script>alert(1)</script> <a href="javascript:alert(1)">x</a>

![x](javascript:alert(1)) ![pixel](https://evil.example/pixel.png) <javascript:alert(1)> [e](javascript&colon;alert(1)) [f](&#106;avascript:alert(1))

<iframe srcdoc="<script>alert(1)</script>"></iframe>

[ref]: javascript:alert(1)
[ref] and [vb](vbscript:x) and [file](file:///etc/passwd) and [blob](blob:https://x/y)

| <svg onload=alert(1)> | b |
|---|---|
| <math><mi//xlink:href="data:x,<script>alert(1)</script>"> | &lt;b&gt; |
`;

export const arabic = `## كيف يحدث المد والجزر؟

يجذب **القمر** مياه المحيطات أكثر من مركز الأرض، فتتكوّن [موجة مدّية](https://ar.wikipedia.org) على الجانبين.

1. الانتفاخ القريب
2. الانتفاخ البعيد

> يدور الساحل إلى المد، لا المد إلى الساحل.

| الجسم | الحصة |
|---|---|
| القمر | 69٪ |
| الشمس | 31٪ |

\`\`\`js
const tide = 2 * G * mass * radius / distance ** 3;
\`\`\`
`;

export const plain = "The Moon's gravity stretches the oceans along the line between Earth and Moon. As the Earth turns, each coast passes through both bulges, which is why there are usually two high tides and two low tides each day.";

export const reasoning = "The reader asks about tides. I should explain the *differential* force, since most people think it is the pull itself.\n\nA table with the shares of Moon and Sun will help; let me look up the masses.";

export const long = (size) => {
  const parts = [];
  for (let index = 0; parts.join("\n\n").length < size; index++) {
    parts.push(`## Part ${index + 1}\n\n${plain} **Part ${index + 1}** of a \`long\` text, with a [link](https://example.com/${index}).\n\n- one item\n- another *item*\n- a third one\n\n${index % 4 === 3 ? `\`\`\`js\nfunction part${index}(x) {\n  return x * ${index}; // tides\n}\n\`\`\`` : plain}`);
  }
  return parts.join("\n\n").slice(0, size);
};
