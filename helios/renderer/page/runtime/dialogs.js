// Dialogs: none is shown, and each is answered at once.

window.alert = (text) => console.log(`alert: ${text}`);
window.confirm = () => true;
window.prompt = (_, answer) => answer ?? null;
window.print = () => {};
