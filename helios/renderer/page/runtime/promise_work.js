// Operations that return a promise.

// What doesn't end by itself within a frame isn't waited for, by its interface or its name.
const UNENDING = {
  virtualTime: /^(Animation|AudioContext|HTMLMediaElement|Profiler|Scheduler|ViewTransition)\.|\.scroll/,
  people:
    /^(BeforeInstallPrompt|Clipboard|Credential|Document|EyeDropper|IdleDetector|Keyboard|MediaKey|Navigator\.(clear|request|set)|Payment|ScreenOrientation|WakeLock)|\.(request(Fullscreen|Permission|PictureInPicture|PointerLock)|showNotification)|^window\.(get|query|show)/,
  hardware:
    /^(Browser|CaptureController|Crop|Gamepad|HID|ImageCapture|Ink|MediaDevices|MediaStreamTrack|MIDI|Presentation|Pressure|Remote|Restriction|Serial|Speech|USB|webkitSpeech|XR)|XR/,
  otherMachines:
    /^(Background|CookieStoreManager|Crash|Identity|Language|Navigator(Login|ManagedData|\.)|PeriodicSync|Proofreader|PublicKey|Push|Rewriter|RTC|Shared|Summarizer|Sync|Translator|WebSocketStream|WebTransport|webkitRTC|Writer)/,
  pageScripts:
    /^(Array|AsyncDisposableStack|CustomElementRegistry|FileSystemObserver|LockManager|Navigation|Observable|OfflineAudioContext\.(resume|suspend)|WritableStreamDefaultWriter)/,
};
const isUnending = (name) => Object.values(UNENDING).some((rule) => rule.test(name));

// Streams and bodies of the browser's own end by themselves; what a page's own stream feeds ends
// when the page says so.
const ending = new WeakSet(); // streams and their readers
const unending = new WeakSet(); // bodies
const endsByItself = (self) => {
  if (self instanceof ReadableStream || self instanceof ReadableStreamDefaultReader) return ending.has(self);
  if (self instanceof ReadableStreamBYOBReader) return ending.has(self);
  if (self instanceof WritableStream) return self instanceof FileSystemWritableFileStream;
  return !unending.has(self);
};

const addressed = (name, [asked]) => (name === "fetch" ? `fetch ${asked?.url ?? asked}` : name);
const countPromise = (holder, name, title) =>
  replace(holder, name, {
    apply: (operation, self, args) => {
      const result = Reflect.apply(operation, self, args);
      if (!(result instanceof native.Promise) || !endsByItself(self)) return result;
      return follow(result, addressed(title, args));
    },
  });
const countPromises = (operations) => {
  for (const [holderName, names] of Object.entries(operations)) {
    const owner = holderName.replace(".prototype", "");
    const counted = names.filter((name) => !isUnending(`${owner}.${name}`));
    // An interface is made when it is first asked for: those of which nothing is counted never are.
    const holder = counted.length ? holderOf(holderName) : undefined;
    if (!holder) continue;
    for (const name of counted) countPromise(holder, name, owner === "window" ? name : `${owner}.${name}`);
  }
};
countPromises(PROMISE_OPERATIONS);
