// Operations that return a promise.

// What doesn't end by itself within a frame isn't waited for: what follows virtual time, what takes
// a person, hardware or another machine, and what takes the page's own scripts.
const UNENDING = {
  time: /^(Animation|AudioContext|HTMLMediaElement|Profiler|Scheduler|ViewTransition)\.|\.scroll/,
  people:
    /^(Before|BrowserCapture|CaptureC|Clipboard|Credential|Document(\.|Picture)|EyeDropper|Idle|Keyboard|MediaKey|Navigator\.(re|cl|se|ad|join|leave)|Payment|PushM|ScreenO|ServiceWorkerRegistration\.show|WakeLock)|\.request(Fullscreen|Permission|PictureInPicture|PointerLock|Window)$|^window\.(get|query|show)/i,
  hardware:
    /^(Bluetooth|Gamepad|HID|ImageCapture|Ink|MediaDevices|MediaStreamTrack|MIDI|Presentation|Pressure|Remote|Serial|Sensor|Speech|USB|XR)/,
  machines:
    /^(Background|Identity|Language|PeriodicSync|Proofreader|PublicKey|Push|Rewriter|RTC|SharedStorage|Summarizer|Sync|Translator|WebSocketStream|WebTransport|webkitRTC|webkitSpeech|Writer)/,
  scripts:
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
const countPromises = (operations) => {
  for (const [holderName, names] of Object.entries(operations)) {
    const holder = holderOf(holderName);
    if (!holder) continue;
    const owner = holderName.replace(".prototype", "");
    for (const name of names) {
      if (isUnending(`${owner}.${name}`)) continue;
      const title = owner === "window" ? name : `${owner}.${name}`;
      replace(holder, name, {
        apply: (operation, self, args) => {
          const result = Reflect.apply(operation, self, args);
          if (!(result instanceof native.Promise) || !endsByItself(self)) return result;
          return follow(result, addressed(title, args));
        },
      });
    }
  }
};
countPromises(promiseOperations());
