// What the page's style sheets and `style` attributes say, without looking at the styles of all elements.

// A test for roots whose sheets or attributes say something; another origin's sheets can't be read, and may say it.
const saying = (pattern, attributes) => {
  const read = new WeakMap(); // style sheet -> { rules, says }: how many rules it had, and whether they say it
  const rulesSay = (rules) =>
    [...rules].some((rule) => (rule.styleSheet ? sheetSays(rule.styleSheet) : pattern.test(rule.cssText)));
  const sheetSays = (sheet) => {
    try {
      const rules = sheet.cssRules.length;
      if (read.get(sheet)?.rules !== rules) read.set(sheet, { rules, says: rulesSay(sheet.cssRules) });
      return read.get(sheet).says;
    } catch {
      return true;
    }
  };
  return (root) =>
    root.querySelector(attributes) !== null || [...root.styleSheets, ...root.adoptedStyleSheets].some(sheetSays);
};
