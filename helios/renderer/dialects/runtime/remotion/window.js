// Remotion: https://www.remotion.dev. What a bundle finds in its window, where Remotion's renderer puts it.

// Bundles ask this port of `localhost` for frames of videos; here the composition's own server has them.
const PROXY_PORT = 1;
const PROXY = `http://localhost:${PROXY_PORT}/proxy?`;
const FRAMES = "/__helios_video_frame__?";

const isBundle = window === window.top;
if (isBundle) {
  Object.assign(window, {
    remotion_puppeteerTimeout: config.settleTimeout,
    remotion_isMainTab: true,
    remotion_mediaCacheSizeInBytes: 256 * 1024 * 1024,
    remotion_initialMemoryAvailable: null,
    remotion_sampleRate: 48000,
    remotion_broadcastChannel: new BroadcastChannel("remotion-video-frame-extraction"),
    remotion_envVariables: "{}",
    remotion_inputProps: JSON.stringify(config.props),
    remotion_initialFrame: 0,
    remotion_attempt: 1,
    remotion_proxyPort: PROXY_PORT,
    remotion_audioEnabled: true,
    remotion_videoEnabled: true,
    remotion_logLevel: "info",
    // Each handle that delays a frame has a timer that ends the render. Virtual time may pass in any steps, and
    // the renderer has a limit of its own.
    remotion_delayRenderTimeouts: new Proxy({}, {
      set: (handles, handle, entry) => {
        stopTimer(entry.timeout);
        return Reflect.set(handles, handle, entry);
      },
    }),
    process: { env: { NODE_ENV: "production" } },
  });
  for (const name of ["alert", "confirm"]) {
    window[name] = (text) => (window.remotion_cancelledError = `Error: ${name}("${text}") can't be shown in a render`);
  }

  // Handles are random numbers, and numbers repeat within a frame: its stream begins anew when it is drawn.
  Math.random = () => {
    const number = random();
    return window.remotion_delayRenderHandles?.includes(number) ? Math.random() : number;
  };

  const { fetch } = window;
  window.fetch = (input, options) =>
    fetch(typeof input === "string" && input.startsWith(PROXY) ? FRAMES + input.slice(PROXY.length) : input, options);
}
