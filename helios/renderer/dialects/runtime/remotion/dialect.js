// Remotion: what the renderer calls.

if (isBundle) {
  let shown = null; // the composition that is drawn, evaluated with the given props
  let ids = [];

  const checkCancelled = () => {
    const error = window.remotion_cancelledError;
    if (error !== undefined) throw String(error?.stack ?? error).split("\n")[0];
  };
  const handles = (isIdle) => {
    checkCancelled();
    // Videos that were moved wait for being drawn, and the page for their pictures.
    if (window.remotion_renderReady || videosUnpictured().length) return [];
    // Real time passes here for what the page waits for.
    if (isIdle) passTime(0, 0);
    const labels = Object.values(window.remotion_delayRenderTimeouts).map(({ label }) => label ?? "without a label");
    return labels.map((label) => `delayRender: ${label}`);
  };
  // React renders in tasks, and callbacks of animation frames come after them.
  const rendered = async () => {
    for (let i = 0; i < 4; i++) await hop();
  };
  // Returns whether the page became ready in time; if not, the frame's own wait says what is missing.
  const ready = async () => {
    await rendered();
    const names = await untilReady(() => handles(!working().length));
    dialect.gaveUp ||= names.length > 0;
    return !names.length;
  };
  const evaluate = async () => {
    if (!window.getStaticCompositions) throw "the bundle doesn't define getStaticCompositions";
    window.remotion_setBundleMode({ type: "evaluation" });
    if (!(await ready())) return;
    ids = window.remotion_getCompositionNames();
    const id = config.compositionId ?? (ids.length === 1 ? ids[0] : null);
    if (!ids.includes(id)) return;
    const found = window.remotion_calculateComposition(id);
    await native.Promise.race([ready(), found]); // it throws what `calculateMetadata` throws
    if (!dialect.gaveUp) shown = { ...(await found), id };
  };
  const show = async () => {
    document.body.style.background = config.transparent ? "transparent" : "black";
    const { serializedResolvedPropsWithCustomSchema, durationInFrames, fps } = shown;
    const defaults = Object.entries(shown).filter(([name]) => name.startsWith("default"));
    window.remotion_setBundleMode({
      type: "composition",
      compositionName: shown.id,
      serializedResolvedPropsWithSchema: serializedResolvedPropsWithCustomSchema,
      compositionDurationInFrames: durationInFrames,
      compositionFps: fps,
      compositionWidth: innerWidth,
      compositionHeight: innerHeight,
      ...Object.fromEntries(defaults.map(([name, value]) => [`compositionD${name.slice(1)}`, value])),
    });
    await rendered();
  };
  // The frame by the composition's own rate, where that differs from the output's.
  const shownFrame = (seconds) => {
    const { fps, durationInFrames } = shown;
    const isSame = Math.abs((fps * config.frameDuration) / 1000 - 1) < 1e-4;
    return Math.min(isSame ? frame : Math.floor(seconds * fps + 1e-6), durationInFrames - 1);
  };

  Object.assign(dialect, {
    drives: true,
    scriptsMedia: true,
    begin: async () => {
      await evaluate();
      if (shown && !config.evaluates) await show();
    },
    drive: (seconds) => {
      if (!shown || !window.remotion_setFrame) return;
      window.remotion_setFrame(shownFrame(seconds), shown.id, 1);
    },
    leaveFrame: collectSound,
    waiting: handles,
    declared: () => ({ duration: shown && shown.durationInFrames / shown.fps, longestAnimation: null }),
    sounds: () => (shown ? bundleSounds(shown.fps) : []),
    soundState: () => {
      collectSound();
      return { canSound: hasGaps || played.size > 0, moves: true, renders: false };
    },
    compositions: async () => {
      const facts = ({ id, width, height, fps, durationInFrames }) => ({ id, width, height, fps, durationInFrames });
      if (shown) return { ids, shown: facts(shown), all: [facts(shown)] };
      const all = window.getStaticCompositions();
      await native.Promise.race([ready(), all]);
      return { ids, shown: null, all: dialect.gaveUp ? [] : (await all).map(facts) };
    },
    support: () => ({
      unhonoured: [],
      ignored: [...leftOut],
      unchosen: shown || config.evaluates ? null : ids,
    }),
  });
}
