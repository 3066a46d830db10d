// The browser's controls of a video come, go and turn on the browser's own clock, and no one can use them in a
// picture. They aren't drawn.

const withoutControls = new CSSStyleSheet();
withoutControls.replaceSync("video::-webkit-media-controls { display: none !important }");
const hideControls = () => {
  for (const element of videos().filter(({ controls }) => controls)) {
    const sheets = element.getRootNode().adoptedStyleSheets; // none of an element outside of documents
    if (sheets && !sheets.includes(withoutControls)) sheets.push(withoutControls);
  }
};
