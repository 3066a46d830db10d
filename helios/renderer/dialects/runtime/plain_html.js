// Plain HTML: what a page itself offers to be driven by.

const dialect = {
  // Timelines of GSAP, each with the second at which it starts, the position that it starts from, and its speed.
  timelines: () => gsapTimelines().map((timeline) => ({ timeline, start: 0, offset: 0, rate: 1 })),
  drive: (seconds) => {
    // Its callbacks are called on the way.
    for (const timeline of gsapTimelines()) guarded(() => timeline.seek(seconds, false));
    if (typeof window.__hf?.seek === "function") guarded(() => window.__hf.seek(seconds));
    driveHelios(seconds);
  },
  declared: () => {
    const root = document.querySelector("[data-duration]");
    const state = guarded(() => window.helios?.getState?.()) ?? {};
    const finite = (...values) => values.map(Number).find((value) => Number.isFinite(value) && value > 0) ?? null;
    const timelines = gsapTimelines().map((timeline) => timeline.totalDuration()).filter(Number.isFinite);
    return {
      duration: finite(plain(window.helios?.duration), state.duration, window.__hf?.duration, root?.dataset.duration),
      longestAnimation: finite(Math.max(longestAnimation(), ...timelines)),
    };
  },
  // Attributes by which players of other systems place elements in time, and which only such a player honours.
  // A page that brings one along drives itself.
  support: () => {
    if (window.__player || typeof window.__hf?.seek === "function") return { unhonoured: [] };
    const found = new Set();
    const hosts = [...document.querySelectorAll("[data-composition-src]")];
    if (hosts.some((host) => !host.childElementCount)) found.add("data-composition-src");
    const root = document.querySelector("[data-composition-id]");
    const length = Number(root?.dataset.duration) || Infinity;
    for (const element of root?.querySelectorAll("[data-start]") ?? []) {
      const { start, end, duration } = element.dataset;
      if (start !== "" && Number(start) !== 0) found.add("data-start"); // an element's id as well
      if (duration !== undefined && Number(duration) < length) found.add("data-duration");
      if (end !== undefined && Number(end) < length) found.add("data-end");
      for (const name of ["data-media-start", "data-playback-start", "data-playback-rate", "data-volume"]) {
        if (element instanceof HTMLMediaElement && element.hasAttribute(name)) found.add(name);
      }
    }
    if (document.querySelector("[data-var-text], [data-var-src], [data-variable-values]")) found.add("data-var-*");
    return { unhonoured: [...found] };
  },
};
