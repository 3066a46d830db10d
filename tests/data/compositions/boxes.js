// Shows a value from 0 to 1 as the brightness of a box.
const box = (number) => document.getElementById(`b${number}`);
const show = (number, value) => {
  const level = Math.round(240 * value);
  box(number).style.background = `rgb(${level}, ${level}, ${level})`;
};
const brightness = (element) => Number(getComputedStyle(element).backgroundColor.match(/\d+/)[0]) / 240;
const RAMP = [{ backgroundColor: "rgb(0, 0, 0)" }, { backgroundColor: "rgb(240, 240, 240)" }];
