// Whether text is drawn in the fonts that it names.

const quoted = (family) => `"${family.replace(/["\\\n]/g, "\\$&")}"`;
// Families that neither the page nor the machine has.
const missingFamilies = (families) => {
  const declared = new Set([...document.fonts].map((font) => font.family.replace(/^["']|["']$/g, "").toLowerCase()));
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  const widths = (...names) =>
    names.map((name) => ((context.font = `72px ${name}`), context.measureText("mmmmmmmmmmlliWQ@&0123456789").width)).join();
  const isHere = (family) => widths(`${quoted(family)}, serif`, `${quoted(family)}, monospace`) !== widths("serif", "monospace");
  return families.filter((family) => !declared.has(family.toLowerCase()) && !isHere(family));
};
