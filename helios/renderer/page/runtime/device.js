// What a page is told of the machine, by which it may choose what it draws.

// The browser draws as if it were on a small device (see `browser.py`), and would say so.
const DEVICE_MEMORY = 8;
const navigatorInterface = Object.getPrototypeOf(navigator);
if ("deviceMemory" in navigator) {
  const own = Object.getOwnPropertyDescriptor(navigatorInterface, "deviceMemory");
  Object.defineProperty(navigatorInterface, "deviceMemory", { ...own, get: () => DEVICE_MEMORY });
}
