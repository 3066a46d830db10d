// Work of a worker that ends by itself: its answer waits for that.

// What a window has itself, a worker's scope inherits.
for (const name of PROMISE_OPERATIONS.window) {
  const scope = WorkerGlobalScope.prototype;
  if (Object.hasOwn(scope, name)) countPromise(scope, name, name);
}
const workFinished = () => untilIdle();
