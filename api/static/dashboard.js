// The dashboard: reads what it shows once, and again when the live stream says that it changed.
import { age, ago, count, element, line, short, sparkline } from "./format.js";

const API = "/api/v1";
const LEAST_PAUSE = 2000; // ms between two reads of a panel, however fast its tables change
const DECAY = 30000; // ms after which the top list is read again: its figures fall with time
const RATES = 60; // points of the line of events per second

const at = (id) => document.getElementById(id);
const rates = [];
let span = "24h";

async function read(path) {
  const answer = await fetch(API + path);
  if (answer.status === 401 || answer.status === 403) location.reload(); // the session has ended
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function fill(id, rows) {
  at(id).replaceChildren(...rows);
  const empty = at(`${id}-empty`);
  if (empty) empty.hidden = rows.length > 0;
}

async function showViral() {
  const { items } = await read(`/virality/top?window=${span}&limit=10`);
  at("viral").closest("table").hidden = items.length === 0;
  fill("viral", items.map((item) => element("tr", { title: item.reasons.join("\n") },
    element("td", { className: "n" }, String(item.rank)),
    element("td", { className: "video" },
      element("span", { className: "name" }, item.title ?? item.video_id),
      element("span", { className: "sub" }, [item.category, item.channel_title ?? item.channel_id].filter(Boolean).join(" · "))),
    element("td", { className: "trend" }, sparkline(item.sparkline)),
    element("td", { className: "n" }, short(item.views_in_window)),
    element("td", { className: "n" }, short(item.now.velocity)),
    element("td", { className: "score" }, element("div", { className: "bar", part: item.score },
      element("i"), element("b", {}, String(Math.round(item.score))))))));
}

async function showOutliers() {
  // A video stands out at several ages; here its newest verdict speaks for it.
  const page = await read("/outliers?limit=60&include_uncertain=true");
  const newest = new Map(page.items.toReversed().map((item) => [item.video_id, item]));
  const items = page.items.filter((item) => newest.get(item.video_id) === item).slice(0, 9);
  fill("outliers", items.map((item) => element("li", {},
    element("b", {}, item.multiple < 100 ? item.multiple.toFixed(1) : short(item.multiple), element("small", {}, "×")),
    element("div", {},
      element("span", { className: "name" }, item.title ?? item.video_id),
      element("span", { className: "sub" },
        item.too_recent || item.insufficient_history
          ? element("span", { className: "tag" }, item.too_recent ? "early" : "little history") : null,
        `${short(item.views)} views at ${age(item.age_s)}, usual ${short(item.expected_views)} · ${item.channel_title ?? item.channel_id}`)))));
}

const cards = new Map(); // by job: a video that plays must not be made anew

async function showJobs() {
  const [{ jobs }, stats] = await Promise.all([read("/jobs?take=12"), read("/jobs/stats")]);
  for (const job of jobs) {
    const known = cards.get(job.id);
    if (known?.status !== job.status) cards.set(job.id, { status: job.status, card: card(job) });
    else if (job.status === "processing") progress(known.card, job);
  }
  const wanted = jobs.map((job) => cards.get(job.id).card);
  const shown = [...at("jobs").children];
  if (wanted.some((one, index) => one !== shown[index]) || shown.length !== wanted.length) fill("jobs", wanted);
  for (const id of cards.keys()) if (!jobs.some((job) => job.id === id)) cards.delete(id);
  playNewest();
  at("jobs-empty").hidden = jobs.length > 0;
  at("job-counts").textContent = Object.entries(stats.byStatus)
    .filter(([, jobsOf]) => jobsOf > 0).map(([status, jobsOf]) => `${count(jobsOf)} ${status}`).join(" · ");
}

function card(job) {
  const screen = element("div", { className: "screen" });
  if (job.result) {
    screen.append(player(job.result));
  } else {
    screen.append(element("span", {}, job.status), element("i", { className: "part", part: job.progress }));
  }
  const seconds = job.generationTimeMs == null ? null : `made in ${(job.generationTimeMs / 1000).toFixed(1)} s`;
  const made = element("article", { className: "card" }, screen,
    element("p", { title: job.prompt }, job.prompt),
    element("div", { className: "meta", title: job.errorMessage ?? "" },
      element("i", { className: "dot", data: { status: job.status } }),
      [seconds ?? job.status, job.requestedBy === "policy" ? "teaser" : null].filter(Boolean).join(" · ")));
  if (job.status === "processing") progress(made, job);
  return made;
}

// Pictures stay calm: a video plays, with its controls, while it is pointed at or focused.
function player(result) {
  const video = element("video", {
    src: result.videoUrl, poster: result.thumbnailUrl,
    loop: true, muted: true, playsInline: true, preload: "none", tabIndex: 0,
  });
  const play = () => { video.controls = true; video.play().catch(() => {}); };
  const rest = () => { video.controls = false; video.pause(); };
  for (const [name, act] of [["pointerenter", play], ["focus", play], ["pointerleave", rest], ["blur", rest]]) {
    video.addEventListener(name, act);
  }
  return video;
}

// The newest video plays by itself, unless the reader asked for less motion.
function playNewest() {
  const newest = document.querySelector("#jobs video");
  if (!newest || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  if (newest.paused && !newest.controls) newest.play().catch(() => {});
  for (const other of document.querySelectorAll("#jobs video")) if (other !== newest && !other.controls) other.pause();
}

function progress(made, job) {
  made.querySelector(".part").style.setProperty("--part", `${job.progress}%`);
  made.querySelector(".screen span").textContent = `${job.step ?? "rendering"} ${Math.round(job.progress)} %`;
}

function showPulse(pulse) {
  const totals = { ...pulse.totals, events: pulse.events, completed: pulse.totals.jobs?.completed ?? 0 };
  for (const place of document.querySelectorAll("[data-total]")) {
    const value = totals[place.dataset.total];
    place.textContent = short(value);
    place.title = count(value);
  }
  const rate = pulse.events_per_second;
  at("rate").textContent = rate == null ? "–" : short(rate);
  rates.push(rate ?? 0);
  if (rates.length > RATES) rates.shift();
  const svg = at("rate-line");
  svg.classList.add("spark");
  line(svg, rates, 240, 48, false);
  fill("projections", pulse.projections.map(({ name, lag_events: events, lag_seconds: seconds, problem }) =>
    element("tr", {},
      element("td", {}, name, problem ? element("span", { className: "problem" }, problem) : null),
      element("td", { className: `n ${events > 0 ? "late" : "quiet"}` }, events == null ? "–" : events ? count(events) : "up to date"),
      element("td", { className: `n ${seconds > 5 ? "late" : "quiet"}` }, seconds == null ? "–" : seconds.toFixed(1)))));
  fill("topics", Object.entries(pulse.topics).filter(([, topic]) => topic.events > 0).map(([name, topic]) =>
    element("tr", {},
      element("td", {}, name),
      element("td", { className: "n" }, count(topic.events)),
      element("td", { className: `n ${topic.events_per_second ? "" : "quiet"}` }, short(topic.events_per_second)))));
  at("as-of").textContent = `as of ${new Date().toLocaleTimeString()}`;
}

// A panel is read at once, then at most every LEAST_PAUSE, and never twice at a time.
function panel(show) {
  let running = false;
  let again = false;
  const run = async () => {
    if (running) { again = true; return; }
    running = true;
    try { await show(); } catch (error) { console.warn(error); }
    setTimeout(() => { running = false; if (again) { again = false; run(); } }, LEAST_PAUSE);
  };
  return run;
}

const viral = panel(showViral);
const outliers = panel(showOutliers);
const jobs = panel(showJobs);
const panels = { virality: [viral], videos: [], outliers: [outliers], channels: [], jobs: [jobs] };

for (const tab of document.querySelectorAll("[data-window]")) {
  tab.addEventListener("click", () => {
    span = tab.dataset.window;
    for (const other of document.querySelectorAll("[data-window]")) other.setAttribute("aria-selected", String(other === tab));
    at("window-name").textContent = `decayed, ${tab.textContent}`;
    showViral().catch(console.warn);
  });
}

function link(state, text) {
  at("link").dataset.state = state;
  at("link").querySelector("span").textContent = text;
}

function listen() {
  const stream = new EventSource(`${API}/live`);
  stream.addEventListener("hello", (event) => {
    link("live", "live");
    if (!JSON.parse(event.data).resumed) [viral, outliers, jobs].forEach((show) => show());
  });
  stream.addEventListener("projection", (event) => (panels[JSON.parse(event.data).projection] ?? []).forEach((show) => show()));
  stream.addEventListener("pulse", (event) => showPulse(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    link("lost", "connection lost, trying again");
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

[viral, outliers, jobs].forEach((show) => show());
setInterval(viral, DECAY);
listen();
