// Figures and times as people read them.
const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (value) => (value == null ? "–" : whole.format(Math.round(value)));
export const short = (value) => {
  if (value == null) return "–";
  if (Math.abs(value) < 10 && !Number.isInteger(value)) return value.toFixed(1);
  return Math.abs(value) < 10000 ? count(value) : compact.format(value);
};

export function ago(time) {
  const seconds = Math.max(0, (Date.now() - new Date(time)) / 1000);
  const steps = [[60, "s", 1], [3600, "min", 60], [86400, "h", 3600], [Infinity, "d", 86400]];
  const [, unit, size] = steps.find(([below]) => seconds < below);
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

export function age(seconds) {
  const hours = seconds / 3600;
  if (hours < 1) return `${Math.round(seconds / 60)} min`;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} days`;
}

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const { data, part, ...plain } = properties;
  Object.assign(made, plain);
  Object.assign(made.dataset, data ?? {});
  if (part !== undefined) made.style.setProperty("--part", `${Math.min(100, Math.max(0, part))}%`);
  made.append(...children.filter((child) => child != null));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

// A line through values, with a wash under it. Fewer than two points are no line.
export function line(svg, values, width, height, dot) {
  svg.replaceChildren();
  if (values.length < 2) return svg;
  const top = Math.max(...values, 1e-9);
  const points = values.map((value, index) => [
    (index / (values.length - 1)) * width,
    height - 2 - (value / top) * (height - 5),
  ]);
  const path = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
  const draw = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    svg.append(made);
  };
  draw("path", { class: "under", d: `M0 ${height}L${path}L${width} ${height}Z` });
  draw("path", { d: `M${path}` });
  if (dot) draw("circle", { cx: points.at(-1)[0], cy: points.at(-1)[1], r: 2.2 });
  return svg;
}

export function sparkline(values) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 26");
  return line(svg, values, 100, 26, true);
}
