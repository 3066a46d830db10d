// Lottie: the page holds an animation, which lottie-web draws.
{
  const EPSILON = 1e-6; // frames
  let file = null;
  let animation = null;
  let fault = null;
  Object.assign(dialect, {
    drives: true,
    begin: async () => {
      file = JSON.parse(document.getElementById("animation").textContent);
      if (file.background && !config.transparent) document.body.style.background = file.background;
      // A file that isn't there is found among the requests.
      await Promise.allSettled(file.families.map((family) => document.fonts.load(`16px ${quoted(family)}`)));
      animation = window.lottie.loadAnimation({
        container: document.getElementById("lottie"),
        renderer: "svg",
        autoplay: false,
        loop: false,
        animationData: file.animation,
        // Shadows and blurs reach beyond their layers; by default they are cut off there.
        rendererSettings: { filterSize: { x: "-100%", y: "-100%", width: "300%", height: "300%" } },
      });
      // It tells of no other faults than these, and goes on.
      animation.addEventListener("error", (event) => (fault ??= event.nativeError));
      if (!animation.isLoaded) throw new Error("lottie-web doesn't load the animation");
    },
    drive: (seconds) => {
      const { rate, first, frames, repeats } = file;
      // At its end an animation may show nothing.
      const passed = seconds * rate + EPSILON;
      const place = repeats ? passed % frames : Math.min(passed, frames);
      const at = Math.round((place - EPSILON) * 1e6) / 1e6;
      animation.goToAndStop(Math.min(Math.max(at, 0), frames - 1e-3) + first - animation.firstFrame, true);
      if (fault) throw fault;
    },
    support: () => ({ unhonoured: [], ignored: file.ignored, fonts: missingFamilies(file.families) }),
  });
}
