export const tell = (name, value) => postMessage([name, value]);
